#include "dataset_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "diffuse/core/error.h"
#include "src/core/json_text.h"
#include "src/core/strict_json.h"

namespace diffuse {

using nlohmann::json;

// A pair of a path and a class number.
static std::pair<std::string, int64_t> read_label(const json& pair, const std::string& name) {
  constexpr int64_t kMaxClasses = 1'000'000;
  const bool whole = pair.is_array() && pair.size() == 2 && pair[0].is_string();
  if (whole && pair[1].is_array())
    throw Error(
        name, ": /labels: ", printable(pair[0].get<std::string>()),
        " has a list of numbers, expected one class number; \"labels\": null leaves labels out");
  // Arrays of floats write 3 as 3.0.
  const bool is_class = whole && pair[1].is_number() && pair[1] >= 0 && pair[1] < kMaxClasses &&
                        pair[1] == std::floor(pair[1].get<double>());
  if (!is_class)
    throw Error(name, ": /labels: expected [\"path\", class number from 0 on], got ",
                printable(json_text(pair)));
  std::string path = pair[0].get<std::string>();
  std::replace(path.begin(), path.end(), '\\', '/');
  if (path.starts_with("./")) path.erase(0, 2);
  return {path, pair[1].get<int64_t>()};
}

std::optional<std::unordered_map<std::string, int64_t>> parse_dataset_json(
    const std::string& text, const std::string& name) {
  const json parsed = parse_strict_json(text, name);
  if (!parsed.is_object() || !parsed.contains("labels")) return std::nullopt;
  std::unordered_map<std::string, int64_t> labels;
  const json& list = parsed["labels"];
  if (list.is_null()) return labels;
  if (!list.is_structured())
    throw Error(name, ": /labels: expected a list or null, got ", list.type_name());
  for (const auto& [path, value] : list.items()) {
    const auto [file, label] = read_label(list.is_array() ? value : json{path, value}, name);
    if (labels.emplace(file, label).first->second != label)
      throw Error(name, ": /labels: ", printable(file), " has two classes, ", labels[file], " and ",
                  label);
  }
  return labels;
}

}  // namespace diffuse
