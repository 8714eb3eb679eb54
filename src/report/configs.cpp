#include <algorithm>
#include <nlohmann/json.hpp>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "html.h"
#include "page.h"
#include "src/core/json_text.h"

namespace diffuse {

namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Config& config) { return Json::parse(config_to_json(config)); }

std::string value_text(const Json& value) { return json_text(value); }

// A config's lines; values other than the default are marked and followed by the default.
std::string marked(const Json& config, const Json& defaults, const std::string& indent) {
  std::string html = "{\n";
  size_t left = config.size();
  for (const auto& [key, value] : config.items()) {
    const Json usual = defaults.contains(key) ? defaults[key] : Json();
    const std::string name = concat(indent, "  ", html_escaped(Json(key).dump()), ": ");
    const char* const comma = --left > 0 ? "," : "";
    if (value.is_object())
      html += concat(name, marked(value, usual, indent + "  "), comma, "\n");
    else if (value == usual)
      html += concat(name, html_escaped(value_text(value)), comma, "\n");
    else
      html += concat("<mark>", name, html_escaped(value_text(value)), comma,
                     "</mark><i>   default ", html_escaped(value_text(usual)), "</i>\n");
  }
  return html + indent + "}";
}

// Keys of plain values, as in --set: "train.steps".
void add_keys(const Json& config, const std::string& before, std::vector<std::string>& keys) {
  for (const auto& [key, value] : config.items()) {
    if (value.is_object())
      add_keys(value, before + key + ".", keys);
    else
      keys.push_back(before + key);
  }
}

std::string value_at(const Json& config, const std::string& key) {
  std::string path = "/" + key;
  std::replace(path.begin(), path.end(), '.', '/');
  const Json::json_pointer pointer(path);
  return config.contains(pointer) ? value_text(config[pointer]) : "–";
}

std::string differences(const std::vector<RunMetrics>& runs, const std::vector<Json>& configs) {
  std::vector<std::vector<std::string>> rows{run_labels(runs)};
  rows[0].insert(rows[0].begin(), "key");
  std::vector<std::string> keys;
  add_keys(configs[0], "", keys);
  for (const std::string& key : keys) {
    std::vector<std::string> row{key};
    for (const Json& config : configs) row.push_back(value_at(config, key));
    if (std::any_of(row.begin() + 2, row.end(), [&](const auto& v) { return v != row[1]; }))
      rows.push_back(std::move(row));
  }
  return rows.size() == 1 ? "<p>The configs are the same.</p>\n" : html_table(rows, true);
}

}  // namespace

std::string report_configs(const std::vector<RunMetrics>& runs) {
  const Json defaults = json_of({});
  const std::vector<std::string> labels = run_labels(runs);
  std::vector<Json> configs;
  for (const RunMetrics& run : runs) configs.push_back(json_of(run.config));
  std::string html = runs.size() > 1 ? differences(runs, configs) : "";
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::string text = concat("<pre>", marked(configs[i], defaults, ""), "</pre>\n");
    html += runs.size() == 1 ? text
                             : concat("<details><summary>", html_escaped(labels[i]), "</summary>\n",
                                      text, "</details>\n");
  }
  return html;
}

}  // namespace diffuse
