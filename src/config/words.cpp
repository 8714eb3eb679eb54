// What words of the config stand for: samplers, spacings, sample kinds.
#include "config_fields.h"
#include "diffuse/config/config.h"
#include "diffuse/core/error.h"

namespace diffuse {

const std::string& sampler_help() {
  static const std::string text = [] {
    std::vector<std::string> items;
    for (const SamplerWord& word : Words<SamplerKind>::list)
      items.push_back(concat(word.text, " (", word.about, ")"));
    return "Sampler: " + join(items) + ".";
  }();
  return text;
}

const std::string& spacing_help() {
  static const std::string text = [] {
    std::string all = "Selection of timesteps if steps is below T; auto is";
    const char* separator = " ";
    for (const auto& spacing : Words<Spacing>::list) {
      std::vector<std::string> names;
      for (const SamplerWord& word : Words<SamplerKind>::list)
        if (word.spacing == spacing.value) names.emplace_back(word.text);
      if (names.empty()) continue;
      all += concat(separator, spacing.text, " for ", join(names, " and "));
      separator = ", ";
    }
    return all +
           "; in continuous time karras for ve and edm, for the others uniform for rk4 and "
           "dopri5, trailing for the rest.";
  }();
  return text;
}

std::vector<std::string> flow_samplers() {
  std::vector<std::string> names;
  for (const SamplerWord& word : Words<SamplerKind>::list)
    if (word.noise != SamplerWord::Noise::kAlways) names.emplace_back(word.text);
  return names;
}

// [Song21b] app. C, [Karras22] Table 1
NoiseRange noise_range(const DiffusionConfig& c) {
  const NoiseRange usual =
      c.process == ProcessKind::kVe ? NoiseRange{0.01, 50} : NoiseRange{0.002, 80};
  return {c.sigma_min > 0 ? c.sigma_min : usual.low, c.sigma_max > 0 ? c.sigma_max : usual.high};
}

int64_t most_steps(const DiffusionConfig& c) {
  return c.is_chain() ? c.timesteps : static_cast<int64_t>(kMaxTimesteps);
}

SampleKind sample_kind(const ModelConfig& config) {
  if (config.sample_kind == SampleKind::kUnset)
    throw Error("/model/sample_kind: expected one of ", join(words_of<SampleKind>()), ", got \"\"");
  return config.sample_kind;
}

}  // namespace diffuse
