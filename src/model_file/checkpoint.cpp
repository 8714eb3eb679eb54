#include "diffuse/model_file/checkpoint.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <unordered_set>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "diffuse/sample/oracle_view.h"

namespace fs = std::filesystem;

namespace diffuse {

template <class T>
static const T& required(const Checkpoint& checkpoint, std::string_view key, const char* kind) {
  const Value* value = find(checkpoint.root, key);
  const T* found = value == nullptr ? nullptr : std::get_if<T>(&value->data);
  if (found == nullptr)
    throw Error(checkpoint.file.string(), ": expected ", kind, " under \"", key, "\", found ",
                value == nullptr ? "none" : "another kind of value");
  return *found;
}

Checkpoint load_checkpoint(const fs::path& path) {
  const fs::path file = fs::is_directory(path) ? path / "model.pt" : path;
  if (!fs::exists(file))
    throw Error(path.string(), fs::is_directory(path)
                                   ? ": no model.pt in this folder"
                                   : ": no such checkpoint (a model.pt or a run folder)");
  return parse_checkpoint(file, read_checkpoint_file(file));
}

Checkpoint parse_checkpoint(const fs::path& file, ValueDict root) {
  Checkpoint checkpoint;
  checkpoint.file = file;
  checkpoint.root = std::move(root);
  if (required<std::string>(checkpoint, "format", "the text \"diffuse\"") != "diffuse")
    throw Error(checkpoint.file.string(), ": not a diffuse checkpoint");
  const auto version = required<int64_t>(checkpoint, "version", "an integer");
  if (version != 1)
    throw Error(checkpoint.file.string(), ": checkpoint version ", version,
                "; this program reads version 1");
  checkpoint.config =
      parse_config(required<std::string>(checkpoint, "config", "the configuration as text"),
                   checkpoint.file.string());
  checkpoint.step = required<int64_t>(checkpoint, "step", "an integer");
  return checkpoint;
}

std::string missing_training_part(const ValueDict& root) {
  for (const char* const key : {"model", "ema", "exp_avg", "exp_avg_sq", "counters"})
    if (find(root, key) == nullptr) return key;
  return "";
}

bool holds_training(const Checkpoint& checkpoint) {
  return missing_training_part(checkpoint.root).empty();
}

const ValueDict& section(const Checkpoint& checkpoint, const std::string& key) {
  return required<ValueDict>(checkpoint, key, "a dict");
}

static TensorsByName by_name(const ValueDict& dict) {
  TensorsByName tensors;
  for (const auto& [name, value] : dict)
    if (const auto* tensor = std::get_if<at::Tensor>(&value.data)) tensors.emplace(name, tensor);
  return tensors;
}

// What a checkpoint holds and what the network wants, where they differ.
static std::vector<std::string> differences(const ValueDict& dict, const TensorsByName& tensors,
                                            const NamedTensors& targets) {
  std::vector<std::string> found;
  std::unordered_set<std::string_view> wanted;
  for (const auto& [name, target] : targets) {
    wanted.insert(name);
    const auto tensor = tensors.find(name);
    if (tensor == tensors.end())
      found.push_back(name + " is missing");
    else if (tensor->second->sizes() != target.sizes())
      found.push_back(
          concat(name, " is ", tensor->second->sizes(), ", the network wants ", target.sizes()));
  }
  for (const auto& [name, value] : dict)
    if (!wanted.contains(name)) found.push_back(printable(name) + " is not part of the network");
  return found;
}

std::vector<at::Tensor> section_tensors(const Checkpoint& checkpoint, const std::string& key,
                                        const NamedTensors& targets) {
  const ValueDict& dict = section(checkpoint, key);
  const TensorsByName held = by_name(dict);
  auto wrong = differences(dict, held, targets);
  if (!wrong.empty()) {
    const size_t total = wrong.size();
    wrong.resize(std::min<size_t>(total, 5));
    throw Error(checkpoint.file.string(), ": \"", key, "\" does not fit the configured network (",
                total, total == 1 ? " difference): " : " differences): ", join(wrong, "; "));
  }
  std::vector<at::Tensor> tensors;
  for (const auto& [name, target] : targets) tensors.push_back(*held.at(name));
  return tensors;
}

NamedTensors named_parameters(const torch::nn::Module& module) {
  NamedTensors named;
  for (const auto& item : module.named_parameters()) named.emplace_back(item.key(), item.value());
  return named;
}

ValueDict to_dict(const NamedTensors& named) {
  ValueDict dict;
  for (const auto& [name, tensor] : named) dict.emplace_back(name, Value{tensor.detach()});
  return dict;
}

// The network of a checkpoint's config with its starting weights; on the meta device with their
// shapes alone.
static std::shared_ptr<Network> configured_network(const Checkpoint& checkpoint,
                                                   at::Device device) {
  const Config& config = checkpoint.config;
  try {
    return make_network(config.model, config.diffusion.learns_variance(),
                        oracle_view(GaussianDiffusion(config.diffusion)), config.seed, device);
  } catch (const Error& error) {  // names the JSON path alone
    throw Error(checkpoint.file.string(), ": ", error.what());
  }
}

std::shared_ptr<Network> load_network(const Checkpoint& checkpoint, bool use_ema) {
  // Shapes first: a config may ask for far more memory than its file holds.
  const auto values = section_tensors(checkpoint, use_ema ? "ema" : "model",
                                      named_parameters(*configured_network(checkpoint, at::kMeta)));
  const auto network = configured_network(checkpoint, at::kCPU);
  const NamedTensors parameters = named_parameters(*network);
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < values.size(); ++i) parameters[i].second.copy_(values[i]);
  return network;
}

}  // namespace diffuse
