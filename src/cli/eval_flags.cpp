// Which flags of eval belong to which metrics.
#include <CLI/App.hpp>
#include <algorithm>

#include "diffuse/core/error.h"
#include "eval_metrics.h"

namespace diffuse::cli {

namespace {

struct FlagsOfMetrics {
  std::vector<std::string> flags, metrics;
};

// The flags that only these metrics use. The sampler's are SamplerFlags.
const std::vector<FlagsOfMetrics>& flags_of_metrics() {
  static const std::vector<FlagsOfMetrics> table{
      {{"--items", "--split"}, {"bpd", "rd", "ode-bpd", "epsilon", "crps"}},
      {{"--batch"},
       {"bpd", "rd", "ode-bpd", "epsilon", "crps", "fid", "kid", "is", "pr", "swd", "mmd"}},
      {{"--timesteps-per-item", "--csv", "--plot"}, {"bpd", "rd"}},
      {{"--ode-steps", "--ode-tolerance", "--ode-probes"}, {"ode-bpd"}},
      {{"--crps-samples"}, {"crps"}},
      {{"--neighbour-samples", "--neighbour-count", "--neighbour-picture"}, {"neighbours"}},
      {{"-n", "--samples", "--against"}, {"fid", "kid", "is", "pr", "swd", "mmd"}},
      {{"--features", "--features-input", "--features-size"}, {"fid", "kid", "is", "pr"}},
      {{"--reference", "--save-reference"}, {"fid"}},
      {{"--kid-subsets", "--kid-subset-size"}, {"kid"}},
      {{"--bandwidth"}, {"mmd"}}};
  return table;
}

// "a, b and c" for the word "and".
std::string enumerated(const std::vector<std::string>& names, const std::string& word) {
  if (names.size() < 2) return join(names);
  return concat(join({names.begin(), names.end() - 1}), " ", word, " ", names.back());
}

}  // namespace

void check_flags_are_used(const CLI::App& command, const std::vector<std::string>& asked) {
  for (const auto& [flags, metrics] : flags_of_metrics()) {
    const auto is_asked = [&](const std::string& metric) { return contains(asked, metric); };
    if (std::ranges::any_of(metrics, is_asked)) continue;
    for (const std::string& flag : flags)
      if (command.count(flag) > 0)
        throw Error(flag, metrics.size() > 1 ? ": is for the metrics " : ": is for the metric ",
                    enumerated(metrics, "and"), ", not ", enumerated(asked, "or"));
  }
}

}  // namespace diffuse::cli
