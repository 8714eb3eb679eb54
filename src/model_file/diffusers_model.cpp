#include <ATen/ops/empty.h>

#include <charconv>
#include <set>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "diffusers_config.h"
#include "diffusers_files.h"
#include "foreign_checkpoint.h"
#include "foreign_json.h"
#include "src/arrays/safetensors.h"
#include "src/core/log.h"
#include "src/files/atomic_write.h"
#include "src/files/file.h"
#include "src/model_file/model_files.h"

namespace fs = std::filesystem;

namespace diffuse {

// Our metadata key for what UNet2DModel has no field for, such as the training.
static constexpr const char* kConfigKey = "diffuse_config";
static constexpr const char* kStepKey = "diffuse_step";
static constexpr const char* kKindKey = "diffuse_weights";

// Attention had other names before diffusers 0.12.
static std::string current_name(const std::string& name) {
  static const std::vector<std::pair<std::string, std::string>> renamed{
      {".query.", ".to_q."},
      {".key.", ".to_k."},
      {".value.", ".to_v."},
      {".proj_attn.", ".to_out.0."}};
  for (const auto& [old, current] : renamed) {
    const size_t at = name.find(old);
    if (at != std::string::npos && name.find(".attentions.") != std::string::npos)
      return name.substr(0, at) + current + name.substr(at + old.size());
  }
  return name;
}

// A clone made without Git LFS has a pointer instead of a large file.
static void check_is_no_pointer(const fs::path& file) {
  constexpr std::string_view kBegin = "version https://git-lfs";
  const InputFile input(file);
  if (input.size() > kBegin.size() && input.read(0, kBegin.size()) == kBegin)
    throw Error(file.string(), ": a Git LFS pointer, not the weights; ",
                "run `git lfs pull` in this folder");
}

static Safetensors read_file(const fs::path& file) {
  check_is_no_pointer(file);
  Safetensors contents;
  if (ending_of(file) == ".safetensors")
    contents = read_safetensors(file);
  else
    contents.tensors = state_tensors(file, read_torch_file(file), /*use_ema=*/true);
  for (auto& [name, tensor] : contents.tensors) name = current_name(name);
  return contents;
}

// A file of weights, or all shards of an index.
static Safetensors read_weights(const fs::path& path) {
  if (path.extension() != ".json") return read_file(path);
  ForeignJson json = ForeignJson::read(path);
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : json.text_map("weight_map")) {
    if (fs::path(shard).filename() != shard)
      json.refuse("weight_map", "names of files in its folder");
    shards.insert(shard);
  }
  Safetensors contents;
  for (const std::string& shard : shards)
    for (auto& tensor : read_file(path.parent_path() / shard).tensors)
      contents.tensors.push_back(std::move(tensor));
  return contents;
}

static int64_t step_in(const Safetensors& contents) {
  int64_t step = 0;
  const auto found = contents.metadata.find(kStepKey);
  if (found != contents.metadata.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), step);
  return step;
}

// As we wrote it, else as the names say.
static std::string kind_in(const Safetensors& contents, const fs::path& weights) {
  const auto found = contents.metadata.find(kKindKey);
  return found != contents.metadata.end() ? found->second : kind_of_name(weights);
}

Checkpoint read_diffusers_model(const fs::path& path, const ForeignOptions& options) {
  const DiffusersFiles files = find_diffusers_files(path, options.use_ema);
  if (!fs::exists(files.config))
    throw Error(path.string(), ": no ", files.config.string(),
                "; weights do not describe their network");
  ForeignJson unet = ForeignJson::read(files.config);
  if (files.weights.empty())
    throw Error(files.config.parent_path().string(), ": no ", kDiffusersWeights,
                " in this folder, no .bin of that name and no index of shards");
  const Safetensors contents = read_weights(files.weights);
  Config config;
  const auto ours = contents.metadata.find(kConfigKey);
  if (ours != contents.metadata.end())
    config = parse_config(ours->second, files.weights.string());
  else
    config.sample.ddim_epsilon = DdimEpsilon::kNetwork;  // as in their DDIMPipeline

  read_unet_json(unet, options.image_size, config);
  if (files.scheduler.empty())
    log_warning(concat(path.string(), ": no scheduler_config.json: assuming a DDPMScheduler with ",
                       "its defaults"));
  ForeignJson scheduler = files.scheduler.empty() ? ForeignJson("", nlohmann::json::object())
                                                  : ForeignJson::read(files.scheduler);
  read_scheduler_json(scheduler, config);
  return foreign_checkpoint(files.weights, config, step_in(contents), contents.tensors,
                            kind_in(contents, files.weights));
}

void write_diffusers_model(const fs::path& folder, const Checkpoint& checkpoint,
                           const NamedTensors& weights, const std::string& kind) {
  const Config& config = checkpoint.config;
  std::string unet, scheduler;
  try {
    unet = unet_json(config).dump(2) + "\n";
    scheduler = scheduler_json(config).dump(2) + "\n";
  } catch (const Error& error) {
    throw Error(checkpoint.file.string(), ": ", error.what());
  }
  Safetensors contents{.tensors = weights,
                       .metadata = {{"format", "pt"},
                                    {kConfigKey, config_to_json(config)},
                                    {kStepKey, std::to_string(checkpoint.step)},
                                    {kKindKey, kind}}};
  for (auto& [name, tensor] : contents.tensors)
    if (name == "class_embedding.weight") tensor = tensor.slice(0, 0, exported_classes(config));
  write_safetensors(folder / kDiffusersWeights, contents);
  atomic_write(folder / "scheduler_config.json", scheduler);
  atomic_write(folder / "config.json", unet);
}

}  // namespace diffuse
