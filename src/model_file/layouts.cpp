#include <algorithm>
#include <regex>

#include "diffuse/core/error.h"
#include "state_dict.h"

namespace diffuse {

using Renames = std::vector<std::pair<std::regex, std::string>>;

TensorsByName by_name(const NamedTensors& tensors) {
  TensorsByName result;
  for (const auto& [name, tensor] : tensors) result.emplace(name, &tensor);
  return result;
}

static std::string renamed(std::string name, const Renames& renames) {
  for (const auto& [pattern, replacement] : renames)
    name = std::regex_replace(name, pattern, replacement);
  return name;
}

// -- [Ho20]'s layout, as in its PyTorch translations --

// Their up.N counts from the finest level, ours from the coarsest.
static std::string reversed_level(const std::string& name, int64_t levels) {
  static const std::regex pattern("^up_blocks\\.(\\d{1,4})\\.");
  std::smatch match;
  if (!std::regex_search(name, match, pattern)) return name;
  return concat("up_blocks.", levels - 1 - std::stol(match[1]), ".", match.suffix().str());
}

static NamedTensors rename_ho(const NamedTensors& tensors) {
  static const Renames renames = {
      {std::regex("^temb\\.dense\\.0\\."), "time_embedding.linear_1."},
      {std::regex("^temb\\.dense\\.1\\."), "time_embedding.linear_2."},
      {std::regex("^norm_out\\."), "conv_norm_out."},
      {std::regex("^mid\\.block_1\\."), "mid_block.resnets.0."},
      {std::regex("^mid\\.attn_1\\."), "mid_block.attentions.0."},
      {std::regex("^mid\\.block_2\\."), "mid_block.resnets.1."},
      {std::regex("^(down|up)\\.(\\d+)\\.block\\."), "$1_blocks.$2.resnets."},
      {std::regex("^(down|up)\\.(\\d+)\\.attn\\."), "$1_blocks.$2.attentions."},
      {std::regex("^(down|up)\\.(\\d+)\\.(down|up)sample\\."), "$1_blocks.$2.$3samplers.0."},
      {std::regex("\\.temb_proj\\."), ".time_emb_proj."},
      {std::regex("\\.nin_shortcut\\."), ".conv_shortcut."},
      {std::regex("(attentions\\.\\d+)\\.norm\\."), "$1.group_norm."},
      {std::regex("(attentions\\.\\d+)\\.([qkv])\\."), "$1.to_$2."},
      {std::regex("(attentions\\.\\d+)\\.proj_out\\."), "$1.to_out.0."},
  };
  const TensorsByName known = by_name(tensors);
  int64_t levels = 0;
  while (known.contains(concat("down.", levels, ".block.0.conv1.weight"))) ++levels;
  NamedTensors result;
  for (const auto& [name, tensor] : tensors)
    result.emplace_back(reversed_level(renamed(name, renames), levels), tensor);
  return result;
}

static void ho_defaults(Config& config, int64_t) {
  config.model.norm_eps = 1e-6;
  config.model.time_embedding = TimeHalves::kSinCos;
  config.model.time_frequency_shift = 1;
  config.model.downsample_padding = DownsamplePadding::kEnd;
}

// -- [Nichol21]'s layout, of improved-diffusion --

using Places = std::unordered_map<std::string, std::string>;

// Our name of each numbered block: "input_blocks.4.0." -> "down_blocks.1.resnets.0."
static Places improved_blocks(const NamedTensors& tensors) {
  Places places;
  const TensorsByName known = by_name(tensors);
  const auto has = [&](const std::string& name) { return known.contains(name); };
  int64_t level = 0, block = 0, blocks_per_level = 0;
  for (int64_t n = 1;; ++n) {
    const std::string from = concat("input_blocks.", n, ".");
    const std::string to = concat("down_blocks.", level, ".");
    if (has(from + "0.op.weight")) {
      places[from + "0.op."] = to + "downsamplers.0.conv.";
      ++level;
      block = 0;
    } else if (has(from + "0.in_layers.0.weight")) {
      places[from + "0."] = concat(to, "resnets.", block, ".");
      places[from + "1."] = concat(to, "attentions.", block, ".");
      blocks_per_level = std::max(blocks_per_level, ++block);
    } else {
      break;
    }
  }
  for (int64_t n = 0; has(concat("output_blocks.", n, ".0.in_layers.0.weight")); ++n) {
    const std::string from = concat("output_blocks.", n, ".");
    const std::string to = concat("up_blocks.", n / (blocks_per_level + 1), ".");
    const int64_t i = n % (blocks_per_level + 1);
    places[from + "0."] = concat(to, "resnets.", i, ".");
    places[from + "1."] = concat(to, "attentions.", i, ".");
    places[from + "1.conv."] = places[from + "2.conv."] = to + "upsamplers.0.conv.";
  }
  return places;
}

// `name` with its longest matching prefix replaced. Prefixes end in a dot.
static std::string placed(const std::string& name, const Places& places) {
  for (size_t end = name.rfind('.') + 1; end > 1; end = name.rfind('.', end - 2) + 1) {
    const auto place = places.find(name.substr(0, end));
    if (place != places.end()) return place->second + name.substr(end);
  }
  return name;
}

static NamedTensors rename_improved(const NamedTensors& tensors) {
  static const Renames renames = {
      {std::regex("^time_embed\\.0\\."), "time_embedding.linear_1."},
      {std::regex("^time_embed\\.2\\."), "time_embedding.linear_2."},
      {std::regex("^label_emb\\."), "class_embedding."},
      {std::regex("^input_blocks\\.0\\.0\\."), "conv_in."},
      {std::regex("^middle_block\\.0\\."), "mid_block.resnets.0."},
      {std::regex("^middle_block\\.1\\."), "mid_block.attentions.0."},
      {std::regex("^middle_block\\.2\\."), "mid_block.resnets.1."},
      {std::regex("^out\\.0\\."), "conv_norm_out."},
      {std::regex("^out\\.2\\."), "conv_out."},
      {std::regex("\\.in_layers\\.0\\."), ".norm1."},
      {std::regex("\\.in_layers\\.2\\."), ".conv1."},
      {std::regex("\\.emb_layers\\.1\\."), ".time_emb_proj."},
      {std::regex("\\.out_layers\\.0\\."), ".norm2."},
      {std::regex("\\.out_layers\\.3\\."), ".conv2."},
      {std::regex("\\.skip_connection\\."), ".conv_shortcut."},
      {std::regex("(attentions\\.\\d+)\\.norm\\."), "$1.group_norm."},
      {std::regex("(attentions\\.\\d+)\\.proj_out\\."), "$1.to_out.0."},
  };
  const auto places = improved_blocks(tensors);
  NamedTensors result;
  for (const auto& [name, tensor] : tensors)
    result.emplace_back(renamed(placed(name, places), renames), tensor);
  return result;
}

// The program's defaults, including rescale_timesteps.
static void improved_defaults(Config& config, int64_t timesteps) {
  const double scale = 1000.0 / static_cast<double>(timesteps);
  config.model.norm_eps = 1e-5;
  config.model.dropout = 0;
  config.model.attention_heads = 4;
  config.model.time_embedding = TimeHalves::kCosSin;
  config.model.time_frequency_shift = 0;
  config.model.time_scale = scale;
  config.model.downsample_padding = DownsamplePadding::kBoth;
  config.diffusion.beta_start = std::min(1e-4 * scale, 0.999);
  config.diffusion.beta_end = std::min(0.02 * scale, 0.999);
}

const Layout* find_layout(const NamedTensors& tensors) {
  static const Layout layouts[] = {
      {"Ho et al.'s", "temb.dense.0.weight", rename_ho, ho_defaults},
      {"improved-diffusion's", "input_blocks.0.0.weight", rename_improved, improved_defaults}};
  for (const Layout& layout : layouts)
    for (const auto& [name, tensor] : tensors)
      if (name == layout.sign) return &layout;
  return nullptr;
}

}  // namespace diffuse
