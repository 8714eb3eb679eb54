#include "src/model_file/cascade.h"

#include <ATen/ATen.h>

#include <utility>
#include <vector>

#include "diffuse/core/error.h"
#include "src/data/condition.h"
#include "src/model_file/generate_together.h"

namespace diffuse {

static std::string sides_text(at::IntArrayRef shape) {
  std::vector<std::string> sides;
  for (const int64_t side : shape) sides.push_back(std::to_string(side));
  return join(sides, " x ");
}

static void check_sizes(const Model& base, const Model& second) {
  const ConditionConfig& condition = second.config().condition;
  if (condition.type != ConditionType::kDownscale)
    throw Error("--cascade: expected a second model with the /condition/type downscale, got \"",
                condition.type, "\" of ", second.name());
  const std::vector<int64_t>& full = second.sample_shape();
  const std::vector<int64_t> low{full[0], full[1] / condition.factor, full[2] / condition.factor};
  if (base.sample_shape() != low || !base.is_image())
    throw Error("--cascade: ", second.name(), " enlarges images of ", sides_text(low), ", but ",
                base.name(), " makes samples of ", sides_text(base.sample_shape()));
}

static bool have_same_units(const DataConfig& one, const DataConfig& other) {
  return one.normalize == other.normalize && one.range == other.range;
}

static void check_kinds(const Model& base, const Model& second) {
  const ModelConfig &one = base.config().model, &other = second.config().model;
  if (one.sample_kind != other.sample_kind ||
      !have_same_units(base.config().data, second.config().data))
    throw Error(
        "--cascade: ", base.name(), " and ", second.name(),
        " make images in different units: expected the same /data/normalize, /data/range and ",
        "/model/sample_kind");
  const bool same = one.classes == other.classes && one.class_names == other.class_names;
  if (one.classes > 0 && other.classes > 0 && !same)
    throw Error("--cascade: ", base.name(), " and ", second.name(), " have different classes");
}

static double level_of(const Model& second, std::optional<double> noise) {
  const double most = second.config().condition.noise;
  if (noise && !(*noise >= 0 && *noise <= most))
    throw Error("--cascade-noise: expected 0 to ", most, ", the /condition/noise that ",
                second.name(), " was trained with, got ", *noise);
  return most > 0 ? noise.value_or(most / 2) / most : 0;
}

Cascade make_cascade(Model base, Sampling sampling, const Model& second,
                     std::optional<double> noise) {
  check_sizes(base, second);
  check_kinds(base, second);
  base.check_unconditional();
  const double level = level_of(second, noise);
  return {.base = std::move(base), .sampling = std::move(sampling), .level = level};
}

std::vector<StreamKey> second_keys(std::span<const StreamKey> keys) {
  std::vector<StreamKey> others(keys.begin(), keys.end());
  for (StreamKey& key : others) key.index += uint64_t{1} << 62;
  return others;
}

at::Tensor cascade_condition(const Cascade& cascade, const Model& second,
                             std::span<const StreamKey> keys, int64_t first, World& world,
                             const StepCallback& on_step) {
  GenerateOptions options = cascade.sampling.rows(std::ssize(keys), first);
  const at::Tensor low = generate_together(world, cascade.base, keys, std::move(options), on_step);
  const ConditionConfig& config = second.config().condition;
  const std::vector<int64_t>& shape = second.sample_shape();
  const at::Tensor condition =
      enlarged_condition(config, second.to_network(low), shape[1], shape[2]);
  if (config.noise == 0) return condition;
  const at::Tensor level = at::full({std::ssize(keys)}, cascade.level, at::kFloat);
  return with_condition_noise(config, condition, level, second_keys(keys));
}

}  // namespace diffuse
