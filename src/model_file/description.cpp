#include "src/model_file/description.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "diffuse/config/config_json.h"
#include "src/core/sha256.h"

namespace diffuse {

using nlohmann::ordered_json;

// The tensors of a section, sorted by name.
static NamedTensors sorted_section(const Checkpoint& checkpoint, const std::string& key) {
  NamedTensors tensors;
  for (const auto& [name, value] : section(checkpoint, key))
    if (const auto* tensor = std::get_if<at::Tensor>(&value.data))
      tensors.emplace_back(name, *tensor);
  std::ranges::sort(tensors, {}, [](const auto& item) { return item.first; });
  return tensors;
}

// Of names and bytes, sorted by name: independent of the kind of file.
static std::string sha256_of(const NamedTensors& tensors) {
  Sha256 hash;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor data = tensor.contiguous();
    hash.update(name);
    hash.update({static_cast<const char*>(data.const_data_ptr()), data.nbytes()});
  }
  return hash.hex_digest();
}

ordered_json describe(const Checkpoint& checkpoint, bool with_tensors) {
  const NamedTensors model = sorted_section(checkpoint, "model");
  const ModelConfig& config = checkpoint.config.model;
  int64_t parameters = 0;
  ordered_json shapes = ordered_json::object();
  for (const auto& [name, tensor] : model) {
    parameters += tensor.numel();
    shapes[name] = tensor.sizes().vec();
  }
  ordered_json facts{
      {"file", checkpoint.file.string()},
      {"type", word_of(config.type)},
      {"parameters", parameters},
      {"tensors", model.size()},
      {"step", checkpoint.step},
      {"resumable", holds_training(checkpoint)},
      {"sample_shape", config.sample_shape},
      {"classes", config.classes},
      {"class_names", config.class_names},
      {"condition", word_of(checkpoint.config.condition.type)},
      {"timesteps", checkpoint.config.diffusion.timesteps},
      {"sha256",
       {{"model", sha256_of(model)}, {"ema", sha256_of(sorted_section(checkpoint, "ema"))}}}};
  if (with_tensors) facts["shapes"] = shapes;
  facts["config"] = ordered_json::parse(config_to_json(checkpoint.config));
  return facts;
}

}  // namespace diffuse
