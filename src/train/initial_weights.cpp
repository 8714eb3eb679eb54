#include "src/train/initial_weights.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "src/core/log.h"
#include "src/model_file/model_files.h"

namespace diffuse {

namespace {

struct Sides {
  const ModelConfig &from, &to;
};

// What became of the tensors, by name.
struct Outcome {
  int64_t taken = 0;
  std::vector<std::string> adapted, fresh;
};

}  // namespace

Config config_of_model(const std::filesystem::path& file,
                       const std::vector<std::string>& overrides) {
  Config config = load_model_file(file, {.unread = sections_except("")}).config;
  config.model.sample_shape.clear();
  config.model.sample_kind = SampleKind::kUnset;
  config.model.classes = 0;
  config.model.class_names.clear();
  config.model.condition_channels = config.model.condition_size = 0;
  return parse_config(config_to_json(config), file.string(), overrides);
}

// Groups of channels along dimension 0 (x_t and the network's own x_0; the prediction and its variance),
// each of other width in `from`: their sum or mean is divided among the channels. Groups that `from` lacks
// stay as they are in `fresh`.
static at::Tensor with_channels(const at::Tensor& from, const at::Tensor& fresh, const Sides& sides,
                                bool sums) {
  const int64_t before = sides.from.sample_shape[0], after = sides.to.sample_shape[0];
  at::Tensor result = fresh.clone();
  const int64_t groups = std::min(from.size(0) / before, fresh.size(0) / after);
  for (int64_t group = 0; group < groups; ++group) {
    at::Tensor part = from.narrow(0, group * before, before);
    if (before != after)
      part = part.sum(0, /*keepdim=*/true) / static_cast<double>(sums ? after : before);
    result.narrow(0, group * after, after).copy_(part);
  }
  return result;
}

// Channels 0 .. n - 1 of the network's input are x_t and the network's own x_0; those of a condition follow and
// stay as they are in `fresh`.
static at::Tensor with_input_channels(const at::Tensor& from, const at::Tensor& fresh,
                                      const Sides& sides) {
  const auto own = [](const at::Tensor& weight, const ModelConfig& model) {
    return weight.narrow(0, 0, model.sample_shape[0] * (model.self_conditioning ? 2 : 1));
  };
  at::Tensor result = fresh.clone();
  own(result, sides.to)
      .copy_(with_channels(own(from, sides.from), own(fresh, sides.to), sides, /*sums=*/true));
  return result;
}

// The row of a class of the new model in the old one's embedding, whose last row is "no class".
static int64_t row_before(int64_t label, const Sides& sides) {
  const auto &before = sides.from.class_names, &after = sides.to.class_names;
  const int64_t none = sides.from.classes;
  if (label == sides.to.classes) return none;
  if (before.empty() || after.empty()) return std::min(label, none);
  return std::ranges::find(before, after[static_cast<size_t>(label)]) - before.begin();
}

static at::Tensor with_classes(const at::Tensor& from, const at::Tensor& fresh,
                               const Sides& sides) {
  std::vector<int64_t> rows;
  for (int64_t label = 0; label < fresh.size(0); ++label) rows.push_back(row_before(label, sides));
  return from.index_select(0, at::tensor(rows));
}

// Whether a and b differ at most in dimension `free`.
static bool fits_but_for(const at::Tensor& a, const at::Tensor& b, int64_t free) {
  if (a.dim() != b.dim()) return false;
  for (int64_t d = 0; d < a.dim(); ++d)
    if (d != free && a.size(d) != b.size(d)) return false;
  return true;
}

// Undefined where there is no way.
static at::Tensor adapted(const std::string& name, const at::Tensor& from, const at::Tensor& fresh,
                          const Sides& sides) {
  const bool whole_pixels = sides.from.type == NetworkType::kUnet && sides.from.patch_size == 1 &&
                            sides.to.patch_size == 1;
  if (name == "class_embedding.weight" && fits_but_for(from, fresh, 0))
    return with_classes(from, fresh, sides);
  if (whole_pixels && name == "conv_in.weight" && fits_but_for(from, fresh, 1))
    return with_input_channels(from.transpose(0, 1), fresh.transpose(0, 1), sides).transpose(0, 1);
  if (whole_pixels && name.starts_with("conv_out.") && fits_but_for(from, fresh, 0))
    return with_channels(from, fresh, sides, false);
  return {};
}

static void log_outcome(const std::filesystem::path& file, const Outcome& outcome) {
  const auto listed = [](std::vector<std::string> names) {
    constexpr size_t kNamed = 8;
    const bool more = names.size() > kNamed;
    names.resize(std::min(names.size(), kNamed));
    return names.empty() ? std::string() : concat(" (", join(names), more ? ", ..." : "", ")");
  };
  log_info(concat("weights of ", file.string(), ": ", outcome.taken, " tensors as they are, ",
                  outcome.adapted.size(), " adapted", listed(outcome.adapted), ", ",
                  outcome.fresh.size(), " start anew", listed(outcome.fresh)));
}

Checkpoint initial_weights(const std::filesystem::path& file, const Config& config,
                           const Network& fresh) {
  const at::NoGradGuard no_grad;
  const Checkpoint given = load_model_file(file, {.unread = sections_except("ema")});
  const auto network = load_network(given, /*use_ema=*/true);
  const NamedTensors theirs = named_parameters(*network);
  TensorsByName found;
  for (const auto& [name, tensor] : theirs) found.emplace(name, &tensor);
  const Sides sides{given.config.model, config.model};
  const bool same_classes = sides.from.class_names == sides.to.class_names;
  NamedTensors weights;
  Outcome outcome;
  for (const auto& [name, place] : named_parameters(fresh)) {
    const at::Tensor own = place.detach().cpu();
    const auto it = found.find(name);
    const at::Tensor from = it == found.end() ? at::Tensor() : it->second->detach();
    const bool as_it_is = from.defined() && from.sizes() == own.sizes() &&
                          (same_classes || name != "class_embedding.weight");
    const at::Tensor changed =
        from.defined() && !as_it_is ? adapted(name, from, own, sides) : at::Tensor();
    if (as_it_is)
      ++outcome.taken;
    else
      (changed.defined() ? outcome.adapted : outcome.fresh).push_back(name);
    weights.emplace_back(name, as_it_is ? from : changed.defined() ? changed : own);
  }
  if (outcome.taken == 0)
    throw Error("--init ", file.string(), ": none of its ", theirs.size(),
                " tensors fits the network of type ", config.model.type,
                " in the config; `diffuse info` shows the model's own config");
  log_outcome(file, outcome);
  return {.file = file, .config = config, .step = 0, .root = model_root(config, 0, weights)};
}

}  // namespace diffuse
