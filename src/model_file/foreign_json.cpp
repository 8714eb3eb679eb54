#include "foreign_json.h"

#include <algorithm>

#include "diffuse/core/error.h"
#include "src/core/json_text.h"
#include "src/core/log.h"
#include "src/core/strict_json.h"
#include "src/files/file.h"

namespace diffuse {

using nlohmann::json;

static constexpr uint64_t kMaxFile = 16 << 20;  // bytes

// Puts Infinity, -Infinity and NaN in quotes where they are values.
static std::string with_quoted_numbers(const std::string& text) {
  static const std::vector<std::string> words{"-Infinity", "Infinity", "NaN"};
  std::string result;
  bool quoted = false;  // within a string
  for (size_t i = 0; i < text.size();) {
    const auto word = std::ranges::find_if(
        words, [&](const std::string& w) { return text.compare(i, w.size(), w) == 0; });
    if (!quoted && word != words.end()) {
      result += concat('"', *word, '"');
      i += word->size();
      continue;
    }
    if (text[i] == '"') quoted = !quoted;
    const size_t taken = quoted && text[i] == '\\' ? 2 : 1;
    result.append(text, i, taken);
    i += taken;
  }
  return result;
}

ForeignJson ForeignJson::read(const std::filesystem::path& path) {
  const InputFile file(path);
  if (file.size() > kMaxFile) throw Error(file.name(), ": larger than 16 MiB, so not a config");
  json object = parse_strict_json(with_quoted_numbers(file.read(0, file.size())), file.name());
  if (!object.is_object()) throw Error(file.name(), ": expected a JSON object");
  return {file.name(), std::move(object)};
}

// The field's value for messages: JSON, truncated.
std::string ForeignJson::shown(const char* key) const {
  const auto found = object_.find(key);
  if (found == object_.end()) return "none";
  const std::string text = json_text(*found);
  return text.size() > 60 ? text.substr(0, 60) + "..." : text;
}

void ForeignJson::refuse(const char* key, const std::string& wanted) const {
  throw Error(name_, ": /", key, ": expected ", wanted, ", got ", shown(key));
}

void ForeignJson::remark(const char* key, const std::string& what) const {
  log_warning(concat(name_, ": /", key, ": ", shown(key), ": ", what));
}

void ForeignJson::ignore(std::initializer_list<const char*> keys) {
  known_.insert(keys.begin(), keys.end());
}

const json* ForeignJson::find(const char* key) {
  known_.insert(key);
  const auto found = object_.find(key);
  return found == object_.end() ? nullptr : &*found;
}

template <class T>
T ForeignJson::get(const char* key, const T& fallback, const char* wanted,
                   bool (*fits)(const json&)) {
  const json* found = find(key);
  if (found == nullptr) return fallback;
  if (!fits(*found)) refuse(key, wanted);
  return found->get<T>();
}

// Integers in int64's range: get<int64_t>() would wrap larger ones.
static bool is_integer(const json& value) {
  return value.is_number_integer() && std::abs(value.get<double>()) < 1e15;
}

template <bool (*kFits)(const json&)>
static bool is_list(const json& value) {
  return value.is_array() && std::ranges::all_of(value, kFits);
}

static bool is_number(const json& value) { return value.is_number(); }
static bool is_text(const json& value) { return value.is_string(); }

bool ForeignJson::flag(const char* key, bool fallback) {
  return get(key, fallback, "true or false", [](const json& v) { return v.is_boolean(); });
}

int64_t ForeignJson::integer(const char* key, int64_t fallback) {
  return get(key, fallback, "an integer", is_integer);
}

double ForeignJson::number(const char* key, double fallback) {
  return get(key, fallback, "a number", is_number);
}

std::string ForeignJson::text(const char* key, const std::string& fallback) {
  return get(key, fallback, "text", is_text);
}

std::vector<int64_t> ForeignJson::integers(const char* key, const std::vector<int64_t>& fallback) {
  const json* found = find(key);
  if (found != nullptr && is_integer(*found)) return {found->get<int64_t>()};
  return get(key, fallback, "a list of integers", is_list<is_integer>);
}

std::vector<double> ForeignJson::numbers(const char* key) {
  return get(key, std::vector<double>(), "a list of numbers", is_list<is_number>);
}

std::vector<std::string> ForeignJson::texts(const char* key,
                                            const std::vector<std::string>& fallback) {
  return get(key, fallback, "a list of strings", is_list<is_text>);
}

std::map<std::string, std::string> ForeignJson::text_map(const char* key) {
  return get(key, std::map<std::string, std::string>(), "an object of strings",
             [](const json& v) { return v.is_object() && std::ranges::all_of(v, is_text); });
}

bool ForeignJson::has(const char* key) const {
  const auto found = object_.find(key);
  return found != object_.end() && !found->is_null();
}

bool ForeignJson::is(const char* key, const json& value, bool fallback) {
  const json* found = find(key);
  return found == nullptr ? fallback : *found == value;
}

json ForeignJson::one_of(const char* key, const std::vector<json>& allowed) {
  const json* found = find(key);
  if (found == nullptr) return allowed[0];
  if (std::ranges::find(allowed, *found) != allowed.end()) return *found;
  std::vector<std::string> words;
  for (const json& value : allowed) words.push_back(value.dump());
  refuse(key, join(words, " or ") + " (anything else has no counterpart here)");
}

void ForeignJson::finish() const {
  for (const auto& [key, value] : object_.items())
    if (!key.starts_with('_') && !known_.contains(key))
      log_warning(concat(name_, ": /", one_line(key), ": unknown, ignored"));
}

}  // namespace diffuse
