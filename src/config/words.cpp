// The words of the config that stand for something, and what they stand for.
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
    return "How samples are drawn: " + join(items) + ".";
  }();
  return text;
}

const std::string& spacing_help() {
  static const std::string text = [] {
    std::string all = "Which of the T timesteps a shorter run visits; auto is";
    std::vector<std::string> spacings;
    for (const SamplerWord& word : kSamplerWords)
      if (!contains(spacings, word.spacing)) spacings.push_back(word.spacing);
    for (const std::string& spacing : spacings) {
      std::vector<std::string> names;
      for (const SamplerWord& word : kSamplerWords)
        if (word.spacing == spacing) names.push_back(word.name);
      all += concat(spacing == spacings[0] ? " " : ", ", spacing, " for ", join(names, " and "));
    }
    return all + ".";
  }();
  return text;
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
