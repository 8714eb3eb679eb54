#include "src/train/parameter_groups.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "diffuse/core/error.h"
#include "diffuse/model_file/checkpoint.h"

namespace diffuse {

// A mismatch after a `*` lets it stand for one character more.
static bool matches_whole(std::string_view pattern, std::string_view name) {
  constexpr size_t kNone = std::string_view::npos;
  size_t p = 0, n = 0, star = kNone, taken = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != kNone) {
      p = star + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == kNone;
}

bool matches_name(std::string_view pattern, std::string_view name) {
  if (pattern.find_first_of("*?") != std::string_view::npos) return matches_whole(pattern, name);
  return name.starts_with(pattern) &&
         (name.size() == pattern.size() || name[pattern.size()] == '.');
}

// "a.b.weight" -> "a", "a.b", "a.b.weight"
static std::vector<std::string> parts_of(const NamedTensors& parameters) {
  std::set<std::string> parts;
  for (const auto& [name, tensor] : parameters)
    for (size_t end = 0; end < name.size();) {
      end = std::min(name.find('.', end + 1), name.size());
      parts.insert(name.substr(0, end));
    }
  return {parts.begin(), parts.end()};
}

static bool contains_dot(const std::string& part) { return part.find('.') != std::string::npos; }

static std::string what_there_is(const std::string& pattern, const NamedTensors& parameters) {
  std::vector<std::string> parts = parts_of(parameters);
  if (std::string hint = did_you_mean(pattern, parts); !hint.empty()) return hint;
  std::erase_if(parts, contains_dot);
  return "; its parts are " + join(parts);
}

static void check_pattern(const std::string& path, const std::string& pattern,
                          const NamedTensors& parameters) {
  const bool found = std::ranges::any_of(
      parameters, [&](const auto& named) { return matches_name(pattern, named.first); });
  if (!found)
    throw Error(path, ": \"", printable(pattern), "\" matches no parameter of the network",
                what_there_is(pattern, parameters));
}

void freeze_parameters(const TrainConfig& config, const torch::nn::Module& network) {
  const bool named_train = !config.train_only.empty();
  const std::vector<std::string>& patterns = named_train ? config.train_only : config.freeze;
  if (patterns.empty()) return;
  const NamedTensors parameters = named_parameters(network);
  const std::string path = named_train ? "/train/train_only" : "/train/freeze";
  for (size_t i = 0; i < patterns.size(); ++i)
    check_pattern(concat(path, "/", i), patterns[i], parameters);
  for (const auto& [name, parameter] : parameters) {
    const bool named = std::ranges::any_of(
        patterns, [&, &n = name](const std::string& pattern) { return matches_name(pattern, n); });
    parameter.set_requires_grad(named == named_train);
  }
  if (trained_count(network) == 0)
    throw Error(path, ": freezes all ", parameters.size(),
                " parameters of the network; nothing is left to train");
}

int64_t trained_count(const torch::nn::Module& network) {
  int64_t count = 0;
  for (const at::Tensor& parameter : network.parameters())
    if (parameter.requires_grad()) count += parameter.numel();
  return count;
}

RateFactors rate_factors(const TrainConfig& config, const torch::nn::Module& network) {
  RateFactors factors;
  if (config.learning_rates.empty()) return factors;
  std::unordered_map<const c10::TensorImpl*, std::string> taken_by;
  const NamedTensors parameters = named_parameters(network);
  for (const auto& [pattern, factor] : config.learning_rates) {
    const std::string path = "/train/learning_rates/" + printable(pattern);
    check_pattern(path, pattern, parameters);
    bool trains = false;
    for (const auto& [name, parameter] : parameters) {
      if (!matches_name(pattern, name)) continue;
      const auto [other, is_first] =
          taken_by.try_emplace(parameter.unsafeGetTensorImpl(), printable(pattern));
      if (!is_first)
        throw Error(path, ": ", name, " also matches \"", other->second,
                    "\"; expected one pattern at most for each parameter");
      trains |= parameter.requires_grad();
      if (parameter.requires_grad()) factors[parameter.unsafeGetTensorImpl()] = factor;
    }
    if (!trains)
      throw Error(path, ": expected a parameter that is trained; all of these are frozen");
  }
  return factors;
}

}  // namespace diffuse
