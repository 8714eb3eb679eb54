#include "state_dict.h"

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "diffuse/model/network.h"
#include "foreign_checkpoint.h"
#include "src/model_file/model_files.h"

namespace fs = std::filesystem;

namespace diffuse {

namespace {

// Sizes of tensors under our names.
class Sizes {
 public:
  Sizes(std::string file, const NamedTensors& tensors)
      : file_(std::move(file)), tensors_(by_name(tensors)) {}

  bool has(const std::string& name) const { return tensors_.contains(name); }

  int64_t of(const std::string& name, int64_t dimension) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end() || found->second->dim() <= dimension ||
        found->second->size(dimension) < 1)
      throw Error(file_, ": ", name, " (its name here) is missing or has another shape");
    return found->second->size(dimension);
  }

 private:
  std::string file_;
  TensorsByName tensors_;
};

void read_levels(const Sizes& sizes, const std::string& file, ModelConfig& model) {
  model.channels = sizes.of("conv_in.weight", 0);
  model.channel_multipliers.clear();
  model.attention_resolutions.clear();
  for (int64_t i = 0; sizes.has(concat("down_blocks.", i, ".resnets.0.conv1.weight")); ++i) {
    if (i == kMaxLevels)
      throw Error(file, ": more than ", kMaxLevels, " levels; our UNet has no more");
    const std::string level = concat("down_blocks.", i, ".");
    const int64_t width = sizes.of(level + "resnets.0.conv1.weight", 0);
    if (width % model.channels != 0)
      throw Error(file, ": level ", i, " has ", width,
                  " channels, not a multiple of the first level's ", model.channels);
    model.channel_multipliers.push_back(width / model.channels);
    if (sizes.has(level + "attentions.0.group_norm.weight"))
      model.attention_resolutions.push_back(model.sample_shape[1] >> i);
  }
  model.blocks_per_level = 0;
  while (sizes.has(concat("down_blocks.0.resnets.", model.blocks_per_level, ".conv1.weight")))
    ++model.blocks_per_level;
}

void read_sizes(const Sizes& sizes, const std::string& file, int64_t image_size, Config& config) {
  ModelConfig& model = config.model;
  const int64_t channels = sizes.of("conv_in.weight", 1);
  model.sample_shape = {channels, image_size, image_size};
  model.sample_kind = SampleKind::kImage;
  read_levels(sizes, file, model);
  model.mid_attention = sizes.has("mid_block.attentions.0.group_norm.weight");
  model.scale_shift_norm = sizes.of("mid_block.resnets.0.time_emb_proj.weight", 0) ==
                           2 * sizes.of("mid_block.resnets.0.conv1.weight", 0);
  model.class_conditional = sizes.has("class_embedding.weight");
  model.classes = model.class_conditional ? sizes.of("class_embedding.weight", 0) : 0;
  if (sizes.of("conv_out.weight", 0) == 2 * channels)
    config.diffusion.variance = VarianceKind::kLearnedRange;
}

// A convolution with a kernel of 1 x 1 or 1, as a matrix.
at::Tensor as_matrix(const at::Tensor& weight) {
  return weight.dim() > 2 ? weight.flatten(1) : weight;
}

// Fused qkv [heads, (q, k, v), C / heads, ...] as three of [C, ...].
void split_qkv(const std::string& prefix, const std::string& kind, const at::Tensor& fused,
               const ModelConfig& model, NamedTensors& result) {
  const int64_t channels = fused.size(0) / 3, heads = attention_heads(model, channels);
  if (heads == 0 || fused.size(0) % 3 != 0)
    throw Error("/model/attention_heads: ", model.attention_heads, " does not divide the ",
                channels, " channels of ", printable(prefix), "qkv");
  auto shape = fused.sizes().vec();
  shape[0] = channels;
  const at::Tensor parts = fused.unflatten(0, {heads, 3, channels / heads});
  for (int64_t i = 0; i < 3; ++i)
    result.emplace_back(
        prefix + std::array{"to_q.", "to_k.", "to_v."}[static_cast<size_t>(i)] + kind,
        parts.select(1, i).reshape(shape));
}

NamedTensors with_linear_attention(const NamedTensors& tensors, const ModelConfig& model) {
  NamedTensors result;
  for (const auto& [name, tensor] : tensors) {
    const size_t fused = name.find(".qkv.");
    const bool attention = name.find("attentions.") != std::string::npos;
    if (fused != std::string::npos && tensor.dim() > 0)
      split_qkv(name.substr(0, fused + 1), name.substr(fused + 5), as_matrix(tensor), model,
                result);
    else
      result.emplace_back(name, attention ? as_matrix(tensor) : tensor);
  }
  return result;
}

}  // namespace

Checkpoint read_state_dict(const fs::path& path, const Value& contents,
                           const ForeignOptions& options) {
  const std::string file = path.string();
  const NamedTensors given = state_tensors(path, contents, options.use_ema);
  const Layout* layout = find_layout(given);
  if (layout == nullptr)
    throw Error(file, ": a state dict in an unknown layout (known: Ho et al.'s and ",
                "improved-diffusion's); its first tensor is ", printable(given.front().first));
  if (options.image_size < 1)
    throw Error(file, ": a state dict does not store the size of its images; add --image-size 32");
  const NamedTensors tensors = layout->rename(given);

  Config config;
  layout->defaults(config, config.diffusion.timesteps);
  read_sizes(Sizes(file, tensors), file, options.image_size, config);
  // Once more with the user's T, on which the layout's other defaults depend.
  const Config asked = parse_config(config_to_json(config), file, options.overrides);
  layout->defaults(config, asked.diffusion.timesteps);
  const Config settled = parse_config(config_to_json(config), file, options.overrides);
  return foreign_checkpoint(path, settled, 0, with_linear_attention(tensors, settled.model),
                            state_kind(contents, options.use_ema));
}

}  // namespace diffuse
