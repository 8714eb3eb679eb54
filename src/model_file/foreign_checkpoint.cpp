#include "foreign_checkpoint.h"

#include <ATen/ops/cat.h>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"

namespace fs = std::filesystem;

namespace diffuse {

// Our key for the kind of the only weights.
static constexpr const char* kWeightsKey = "weights";

ValueDict model_root(const Config& config, int64_t step, const NamedTensors& weights,
                     const std::string& kind) {
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
          {kWeightsKey, {kind}},
          {"model", dict},
          {"ema", dict}};
}

void refuse_averages_alone(const fs::path& file) {
  throw Error(file.string(), ": holds only averaged weights; use it without --no-ema");
}

std::string used_weights(const Checkpoint& checkpoint, bool use_ema) {
  const Value* const value = find(checkpoint.root, kWeightsKey);
  const auto* const kind = value == nullptr ? nullptr : std::get_if<std::string>(&value->data);
  if (kind == nullptr && holds_training(checkpoint))
    return use_ema ? kAveragedWeights : kRawWeights;
  if (kind == nullptr || !contains({kAveragedWeights, kRawWeights}, *kind)) return kStoredWeights;
  if (*kind == kAveragedWeights && !use_ema) refuse_averages_alone(checkpoint.file);
  return *kind;
}

Checkpoint foreign_checkpoint(const fs::path& file, const Config& config, int64_t step,
                              NamedTensors weights,  // NOLINT(performance-unnecessary-value-param)
                              const std::string& kind) {
  Config settled = config;
  if (config.diffusion.learns_variance() && config.diffusion.loss != LossKind::kVlb)
    settled.diffusion.loss = LossKind::kHybrid;  // the others do not train a variance
  if (config.diffusion.rescale_zero_terminal_snr && config.diffusion.loss == LossKind::kSimple)
    settled.diffusion.loss = LossKind::kMse;  // it also trains the step without signal
  Checkpoint checkpoint{.file = file, .config = {}, .step = step, .root = {}};
  checkpoint.config = parse_config(config_to_json(settled), file.string());
  for (auto& [name, tensor] : weights)
    if (name == "class_embedding.weight" && tensor.dim() == 2 &&
        tensor.size(0) == checkpoint.config.model.classes)
      tensor = at::cat({tensor, tensor.new_zeros({1, tensor.size(1)})});
  try {
    checkpoint.root = model_root(checkpoint.config, step, weights, kind);
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

std::string state_kind(const Value& contents, bool use_ema) {
  const char* const wanted = use_ema ? kAveragedWeights : kRawWeights;
  if (const auto* list = std::get_if<ValueList>(&contents.data))
    return list->size() > 4 ? wanted : kStoredWeights;
  const auto* dict = std::get_if<ValueDict>(&contents.data);
  const bool both = dict != nullptr && !holds_tensors(*dict) && find(*dict, "ema") != nullptr;
  return both ? wanted : kStoredWeights;
}

NamedTensors state_tensors(const fs::path& file, const Value& contents, bool use_ema) {
  const ValueDict* const dict = state_dict(contents, use_ema);
  if (dict == nullptr && !use_ema && state_dict(contents, true) != nullptr)
    refuse_averages_alone(file);
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
