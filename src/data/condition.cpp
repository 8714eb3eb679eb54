#include "src/data/condition.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "condition_mask.h"
#include "diffuse/core/error.h"
#include "src/core/device.h"
#include "src/core/luminance.h"
#include "src/core/noise.h"

namespace diffuse {

// Steps of the streams of Purpose::kCondition; 0 is the mask's.
static constexpr uint32_t kNoiseLevel = 1, kConditionNoise = 2;

static void refuse_condition(const ConditionConfig& config, const std::string& why) {
  throw Error("/condition/type: \"", config.type, "\" ", why);
}

static void check_downscale(const ConditionConfig& config, const Dataset& data) {
  if (!data.is_image()) refuse_condition(config, "needs images");
  const std::vector<int64_t> shape = data.sample_shape();
  if (shape[1] % config.factor != 0 || shape[2] % config.factor != 0)
    throw Error("/condition/factor: ", config.factor, " does not divide the images' ", shape[1],
                " x ", shape[2], " pixels");
}

static void check_mask_fits(const ConditionConfig& config, const Dataset& data) {
  const std::vector<int64_t> shape = data.sample_shape();
  if (shape.size() == 1)
    refuse_condition(config, "needs images or signals, but the data are points");
  using enum MaskKind;
  const MaskKind kind = config.mask;
  if (data.is_image() ? kind == kForecast || kind == kChannels : kind == kBoxes || kind == kCentre)
    throw Error("/condition/mask: \"", kind, "\" is not for ", data.sample_kind(), "s; use ",
                data.is_image() ? "boxes, centre or random" : "random, forecast or channels");
  if (kind == kForecast && config.horizon >= shape[1])
    throw Error("/condition/horizon: expected below the length of the signals, ", shape[1],
                ", got ", config.horizon);
  if (kind == kChannels && shape[0] < 2)
    throw Error("/condition/mask: \"channels\" needs two channels, the signals have one; use ",
                "random or forecast");
}

// The channels of an image or signal that is stored with each item.
static int64_t stored_channels(const ConditionConfig& config, const Dataset& data) {
  const std::vector<int64_t> ours = data.sample_shape(), theirs = data.condition_shape();
  if (ours.size() == 1)
    refuse_condition(config, "needs images or signals, but the data are points");
  if (theirs.size() != ours.size() || !std::equal(ours.begin() + 1, ours.end(), theirs.begin() + 1))
    throw Error("/condition/path: expected one K x ", c10::IntArrayRef(ours).slice(1),
                " for each item, got ", c10::IntArrayRef(theirs));
  return theirs[0];
}

static int64_t vector_size(const Dataset& data) {
  const std::vector<int64_t> shape = data.condition_shape();
  if (shape.size() != 1)
    throw Error("/condition/path: expected a vector for each item, N x D, got items of ",
                c10::IntArrayRef(shape));
  return shape[0];
}

static int64_t condition_channels(const ConditionConfig& config, const Dataset& data) {
  const std::vector<int64_t> shape = data.sample_shape();
  switch (config.type) {
    case ConditionType::kDownscale:
      check_downscale(config, data);
      return shape[0];
    case ConditionType::kGrey:
      if (!data.is_image() || shape[0] != 3)
        refuse_condition(config, "needs images of 3 colour channels");
      return 1;
    case ConditionType::kMask:
      check_mask_fits(config, data);
      return shape[0] + mask_channels(shape);
    case ConditionType::kImage:
      return stored_channels(config, data);
    case ConditionType::kNone:
    case ConditionType::kVector:
      break;
  }
  return 0;
}

ModelConfig with_condition_of(ModelConfig model, const ConditionConfig& config,
                              const Dataset& data) {
  if (config.is_stored() && data.condition_shape().empty())
    throw Error("/condition/path: no ", config.type, " is stored with the items of this data set");
  model.condition_channels =
      condition_channels(config, data) + (config.is_on() && config.noise > 0 ? 1 : 0);
  model.condition_size = config.type == ConditionType::kVector ? vector_size(data) : 0;
  return model;
}

// A channel of the level 0 behind it, where the config adds noise.
static at::Tensor with_level_channel(const ConditionConfig& config, const at::Tensor& condition) {
  if (config.noise == 0) return condition;
  return at::cat({condition, at::zeros_like(condition.narrow(1, 0, 1))}, 1);
}

at::Tensor enlarged_condition(const ConditionConfig& config, const at::Tensor& low, int64_t height,
                              int64_t width) {
  const std::vector<int64_t> size{height, width};
  const at::Tensor smooth = at::upsample_bicubic2d(low, size, /*align_corners=*/false);
  const at::Tensor rest = low - at::avg_pool2d(smooth, {config.factor, config.factor});
  return with_level_channel(config, smooth + at::upsample_nearest2d(rest, size));
}

at::Tensor masked_condition(const at::Tensor& values, const at::Tensor& known) {
  return at::cat({at::where(known > 0, values, 0), known}, 1);
}

at::Tensor stored_condition(const ConditionConfig& config, const at::Tensor& stored) {
  if (config.type == ConditionType::kVector)
    return at::cat({stored, at::ones_like(stored.narrow(1, 0, 1))}, 1);
  return with_level_channel(config, stored);
}

at::Tensor condition_of(const ConditionConfig& config, const at::Tensor& x0,
                        const at::Tensor& stored, std::span<const StreamKey> keys) {
  switch (config.type) {
    case ConditionType::kDownscale:
      return enlarged_condition(config, at::avg_pool2d(x0, {config.factor, config.factor}),
                                x0.size(2), x0.size(3));
    case ConditionType::kGrey:
      return with_level_channel(config, x0.size(1) == 1 ? x0 : luminance(x0));
    case ConditionType::kMask:
      return masked_condition(
          x0, sent_to(draw_masks(config, x0.sizes().slice(1), keys), x0.device()).to(x0.dtype()));
    case ConditionType::kImage:
    case ConditionType::kVector:
      return stored_condition(config, sent_to(stored, x0.device()).to(x0.dtype()));
    case ConditionType::kNone:
      break;
  }
  return {};
}

at::Tensor condition_of_items(const ConditionConfig& config, const Dataset& set,
                              std::span<const int64_t> items, uint64_t seed) {
  if (!config.is_on()) return {};
  std::vector<StreamKey> keys;
  for (const int64_t item : items) keys.push_back({seed, static_cast<uint64_t>(item)});
  return condition_of(config, set.gather(items), set.condition(items), keys);
}

at::Tensor labels_of_items(const Dataset& set, std::span<const int64_t> items) {
  if (set.class_names().empty()) return {};
  std::vector<int64_t> labels;
  for (const int64_t item : items) labels.push_back(set.label(item));
  return at::tensor(labels, at::kLong);
}

at::Tensor with_condition_noise(const ConditionConfig& config, const at::Tensor& condition,
                                const at::Tensor& level, std::span<const StreamKey> keys) {
  const int64_t channels = condition.size(1) - 1;
  std::vector<int64_t> shape = condition.sizes().slice(1).vec(), one(condition.dim(), 1);
  shape[0] = channels;
  one[0] = -1;
  const at::Tensor eps =
      noise_rows(keys, Purpose::kCondition, kConditionNoise, shape, condition.device());
  const at::Tensor by_row = sent_to(level, condition.device()).to(condition.dtype()).view(one);
  return at::cat({condition.narrow(1, 0, channels) + eps * (by_row * config.noise),
                  by_row.expand_as(condition.narrow(1, channels, 1))},
                 1);
}

// Each row's own draw from [0, 1): float32 [B].
static at::Tensor uniform_by_key(std::span<const StreamKey> keys, Purpose purpose, uint32_t step) {
  const at::Tensor draws = at::empty({std::ssize(keys)}, at::kFloat);
  for (size_t i = 0; i < keys.size(); ++i)
    draws.mutable_data_ptr<float>()[i] =
        static_cast<float>(RandomStream(keys[i].seed, purpose, keys[i].index, step).uniform());
  return draws;
}

at::Tensor training_condition(const ConditionConfig& config, const at::Tensor& x0,
                              const at::Tensor& stored, std::span<const StreamKey> keys) {
  at::Tensor condition = condition_of(config, x0, stored, keys);
  if (!condition.defined()) return {};
  if (config.noise > 0)
    condition = with_condition_noise(config, condition,
                                     uniform_by_key(keys, Purpose::kCondition, kNoiseLevel), keys);
  if (config.dropout == 0) return condition;
  std::vector<int64_t> one(condition.dim(), 1);
  one[0] = -1;
  const at::Tensor kept = uniform_by_key(keys, Purpose::kConditionDropout, 0) >= config.dropout;
  return condition * sent_to(kept, condition.device()).view(one);
}

at::Tensor shown_condition(const ConditionConfig& config, const at::Tensor& condition,
                           int64_t channels) {
  if (!condition.defined() || config.type == ConditionType::kVector) return {};
  const int64_t extra = config.noise > 0 ? 1 : 0;
  const bool values_first = config.is_mask() || config.type == ConditionType::kDownscale;
  const at::Tensor values =
      condition.narrow(1, 0, values_first ? channels : condition.size(1) - extra);
  if (values.size(1) == channels) return values;
  std::vector<int64_t> shape = values.sizes().vec();
  shape[1] = channels;
  return (values.size(1) == 1 ? values : values.mean(1, /*keepdim=*/true)).expand(shape);
}

}  // namespace diffuse
