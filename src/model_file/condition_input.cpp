#include "src/model_file/condition_input.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "condition_files.h"
#include "diffuse/core/error.h"
#include "src/core/log.h"
#include "src/data/condition.h"
#include "src/data/normalization.h"
#include "src/model_file/sample_input.h"

namespace fs = std::filesystem;

namespace diffuse {
namespace {

// Conditions for a model.
struct ConditionRequest {
  const ConditionSource& source;
  const std::string name;  // the source's
  const Model& model;
  const ConditionConfig& config;
  const std::vector<int64_t>& shape;  // of a sample
};

// Pictures and bytes from black to white in the data's units -> the network's.
at::Tensor to_network(const ConditionRequest& request, const at::Tensor& x) {
  check_range(request.source.by, request.source.path, x, request.model,
              largest_number(request.model, request.model.config().sample));
  return request.model.to_network(x);
}

// Samples of `shape` or another from `shapes` in the data's units: float32 [N, shape...].
at::Tensor read_samples(const ConditionRequest& request,
                        const std::vector<std::vector<int64_t>>& shapes) {
  const at::Tensor x = read_conditions(request.source, shapes, request.model.is_image());
  if (x.scalar_type() == at::kByte)
    return from_picture_range(x.to(at::kFloat).div(127.5).sub(1), request.model.config().data);
  check_finite(request.name, x);
  return x;
}

at::Tensor low_resolution(const ConditionRequest& request) {
  const std::vector<int64_t>& full = request.shape;
  const int64_t factor = request.config.factor, height = full[1], width = full[2];
  at::Tensor x = to_network(
      request, read_samples(request, {{full[0], height / factor, width / factor}, full}));
  const bool scales = x.size(2) == height;
  log_info(concat(request.name, ": ", x.size(3), " x ", x.size(2), " pixels are ",
                  scales ? concat("scaled down by ", factor, " first") : "the low resolution"));
  if (scales) x = at::avg_pool2d(x, {factor, factor});
  return enlarged_condition(request.config, x, height, width);
}

// Grey images have the same value in all channels.
at::Tensor grey_values(const ConditionRequest& request) {
  const std::vector<int64_t>& full = request.shape;
  const at::Tensor x = read_samples(request, {{1, full[1], full[2]}, full});
  if (x.size(1) == full[0]) log_info(concat(request.name, ": of colours the luminance is used"));
  return condition_of(request.config,
                      to_network(request, x.expand({-1, full[0], -1, -1}).contiguous()), {}, {});
}

// The samples, and 1 where they are known.
at::Tensor masked_values(const ConditionRequest& request) {
  const MaskedSamples given = read_masked(request.source, request.shape, request.model.is_image());
  const at::Tensor values =
      given.bytes ? from_picture_range(given.values, request.model.config().data) : given.values;
  if (!(given.known < 1).any().item<bool>())
    throw Error(request.name, ": nothing is unknown; expected ",
                given.bytes ? "transparent pixels" : "NaN", " where samples are to be completed");
  const at::Tensor known = given.known.expand_as(values) > 0;
  return masked_condition(to_network(request, at::where(known, values, 0)), given.known);
}

at::Tensor by_condition_units(const ConditionRequest& request, const at::Tensor& x) {
  const ConditionConfig& config = request.config;
  if (config.mean.empty()) return x;
  return (x - by_channel(config.mean, x)) / by_channel(config.std, x);
}

// Training's pictures are from -1 to 1, and so are numbers in their place.
void check_of_pictures(const ConditionRequest& request, const at::Tensor& x) {
  constexpr double kMost = 1.05;
  if (!request.config.mean.empty() || x.abs().max().item<double>() <= kMost) return;
  throw Error(request.name, ": numbers from ", x.min().item<double>(), " to ",
              x.max().item<double>(), "; expected -1 (black) to 1 (white), as the training's ",
              "pictures, or uint8");
}

at::Tensor stored_values(const ConditionRequest& request) {
  const ModelConfig& model = request.model.config().model;
  std::vector<int64_t> shape = request.shape;
  if (request.config.type == ConditionType::kVector)
    shape = {model.condition_size};
  else
    shape[0] = model.condition_channels - (request.config.noise > 0 ? 1 : 0);
  const at::Tensor x = read_conditions(request.source, {shape}, shape.size() == 3);
  if (x.scalar_type() == at::kByte && !request.config.mean.empty())
    throw Error(request.name, ": expected numbers in the units of the training's conditions, got ",
                "8-bit values");
  if (x.scalar_type() == at::kByte)
    return stored_condition(request.config, x.to(at::kFloat).div(127.5).sub(1));
  check_finite(request.name, x);
  check_of_pictures(request, x);
  return stored_condition(request.config, by_condition_units(request, x));
}

at::Tensor condition_rows(const ConditionRequest& request) {
  switch (request.config.type) {
    case ConditionType::kDownscale:
      return low_resolution(request);
    case ConditionType::kGrey:
      return grey_values(request);
    case ConditionType::kMask:
      return masked_values(request);
    case ConditionType::kImage:
    case ConditionType::kVector:
      return stored_values(request);
    case ConditionType::kNone:
      break;
  }
  throw Error(request.source.by, ": ", request.model.name(), " was trained without a condition");
}

GivenConditions read(const ConditionSource& source, const Model& model) {
  const ConditionConfig& config = model.config().condition;
  GivenConditions given{
      .rows = condition_rows({source, source.name(), model, config, model.sample_shape()})};
  const at::Tensor shown = shown_condition(config, given.rows, model.sample_shape().at(0));
  if (shown.defined()) given.shown = model.to_data(shown);
  return given;
}

}  // namespace

GivenConditions load_conditions(const fs::path& path, const Model& model, const std::string& by) {
  if (!path.empty()) return read({.by = by, .path = path}, model);
  model.check_unconditional();
  return {};
}

GivenConditions conditions_of(const at::Tensor& numbers, const Model& model,
                              const std::string& by) {
  return read({.by = by, .path = "numbers", .array = numbers}, model);
}

}  // namespace diffuse
