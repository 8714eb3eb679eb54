// Words of the config and their meaning: samplers, spacings, sample kinds.
#include <algorithm>

#include "config_fields.h"
#include "diffuse/config/config.h"
#include "diffuse/core/error.h"

namespace diffuse {

const SamplerWord& sampler_word(const std::string& name) {
  for (const SamplerWord& word : kSamplerWords)
    if (word.name == name) return word;
  throw Error("/sample/sampler: expected one of ", join(kSamplers), ", got \"", name, "\"",
              did_you_mean(name, kSamplers));
}

const std::string& sampler_help() {
  static const std::string text = [] {
    std::vector<std::string> items;
    for (const SamplerWord& word : kSamplerWords)
      items.push_back(concat(word.name, " (", word.about, ")"));
    return "Sampler: " + join(items) + ".";
  }();
  return text;
}

const std::string& spacing_help() {
  static const std::string text = [] {
    std::string all = "Selection of timesteps if steps is below T; auto is";
    std::vector<std::string> spacings;
    for (const SamplerWord& word : kSamplerWords)
      if (!contains(spacings, word.spacing)) spacings.push_back(word.spacing);
    for (const std::string& spacing : spacings) {
      std::vector<std::string> names;
      for (const SamplerWord& word : kSamplerWords)
        if (word.spacing == spacing) names.push_back(word.name);
      all += concat(spacing == spacings[0] ? " " : ", ", spacing, " for ", join(names, " and "));
    }
    return all +
           "; in continuous time karras for ve and edm, for the others uniform for rk4 and "
           "dopri5, trailing for the rest.";
  }();
  return text;
}

// [Song21b] app. C, [Karras22] Table 1
NoiseRange noise_range(const DiffusionConfig& c) {
  const NoiseRange usual = c.process == "ve" ? NoiseRange{0.01, 50} : NoiseRange{0.002, 80};
  return {c.sigma_min > 0 ? c.sigma_min : usual.low, c.sigma_max > 0 ? c.sigma_max : usual.high};
}

int64_t most_steps(const DiffusionConfig& c) {
  return c.is_chain() ? c.timesteps : static_cast<int64_t>(kMaxTimesteps);
}

SampleKind sample_kind(const ModelConfig& config) {
  const auto found = std::find(kSampleKinds.begin(), kSampleKinds.end(), config.sample_kind);
  if (found == kSampleKinds.end())
    throw Error("/model/sample_kind: expected one of ", join(kSampleKinds), ", got \"",
                config.sample_kind, "\"");
  return static_cast<SampleKind>(found - kSampleKinds.begin());
}

const std::string& word_of(SampleKind kind) { return kSampleKinds.at(static_cast<size_t>(kind)); }

}  // namespace diffuse
