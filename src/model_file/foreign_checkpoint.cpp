#include "foreign_checkpoint.h"

#include <ATen/ops/cat.h>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"

namespace fs = std::filesystem;

namespace diffuse {

ValueDict model_root(const Config& config, int64_t step, const NamedTensors& weights) {
  int64_t samples = 0;
  if (__builtin_mul_overflow(step, config.train.batch_size, &samples))
    throw Error("/train/batch_size: ", config.train.batch_size, " samples in each of ", step,
                " steps overflow the sample count");
  const Value dict{to_dict(weights)};
  return {{"format", {std::string("diffuse")}},
          {"version", {int64_t{1}}},
          {"config", {config_to_json(config)}},
          {"step", {step}},
          {"samples", {samples}},
          {"model", dict},
          {"ema", dict}};
}

Checkpoint foreign_checkpoint(const fs::path& file, const Config& config, int64_t step,
                              NamedTensors weights,  // NOLINT(performance-unnecessary-value-param)
                              const std::vector<std::string>& overrides) {
  Config settled = config;
  if (config.diffusion.learns_variance() && config.diffusion.loss != LossKind::kVlb)
    settled.diffusion.loss = LossKind::kHybrid;  // the others do not train a variance
  if (config.diffusion.rescale_zero_terminal_snr && config.diffusion.loss == LossKind::kSimple)
    settled.diffusion.loss = LossKind::kMse;  // it also trains the step without signal
  Checkpoint checkpoint{.file = file, .config = {}, .step = step, .root = {}};
  checkpoint.config = parse_config(config_to_json(settled), file.string(), overrides);
  for (auto& [name, tensor] : weights)
    if (name == "class_embedding.weight" && tensor.dim() == 2 &&
        tensor.size(0) == checkpoint.config.model.classes)
      tensor = at::cat({tensor, tensor.new_zeros({1, tensor.size(1)})});
  try {
    checkpoint.root = model_root(checkpoint.config, step, weights);
  } catch (const Error& error) {  // names only the JSON path
    throw Error(file.string(), ": ", error.what());
  }
  return checkpoint;
}

// The largest UNet here has about 6,000 tensors with names of about 60 bytes.
static void check_names(const fs::path& file, const ValueDict& dict) {
  constexpr size_t kMostTensors = 10'000, kLongestName = 200;
  if (dict.size() > kMostTensors)
    throw Error(file.string(), ": a state dict of ", dict.size(), " tensors; expected at most ",
                kMostTensors);
  for (const auto& [name, value] : dict)
    if (name.size() > kLongestName)
      throw Error(file.string(), ": a tensor's name of ", name.size(), " bytes, ", printable(name),
                  "; expected at most ", kLongestName);
}

static bool holds_tensors(const ValueDict& dict) {
  for (const auto& [name, value] : dict)
    if (!std::holds_alternative<at::Tensor>(value.data)) return false;
  return !dict.empty();
}

// The state dict in a file's contents, or null. Lists are [model, optimiser, epoch, step, ema] in the DDIM
// authors' program.
static const ValueDict* state_dict(const Value& root, bool use_ema) {
  const auto* list = std::get_if<ValueList>(&root.data);
  if (list != nullptr && !list->empty())
    return std::get_if<ValueDict>(&(*list)[use_ema && list->size() > 4 ? 4 : 0].data);
  const auto* dict = std::get_if<ValueDict>(&root.data);
  if (dict == nullptr || holds_tensors(*dict)) return dict;
  for (const char* const key : {use_ema ? "ema" : "model", "model", "state_dict"})
    if (const Value* inner = find(*dict, key)) return std::get_if<ValueDict>(&inner->data);
  return nullptr;
}

NamedTensors state_tensors(const fs::path& file, const Value& contents, bool use_ema) {
  const ValueDict* const dict = state_dict(contents, use_ema);
  if (dict == nullptr || !holds_tensors(*dict))
    throw Error(file.string(), ": expected a state dict: a dict of tensors, at the top level or ",
                "under \"model\", \"ema\" or \"state_dict\"");
  check_names(file, *dict);
  NamedTensors tensors;
  for (const auto& [name, value] : *dict)
    tensors.emplace_back(name.starts_with("module.") ? name.substr(7) : name,
                         std::get<at::Tensor>(value.data));
  return tensors;
}

}  // namespace diffuse
