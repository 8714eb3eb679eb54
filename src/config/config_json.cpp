#include "diffuse/config/config_json.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "config_checks.h"
#include "config_fields.h"
#include "diffuse/core/error.h"
#include "src/core/json_text.h"
#include "src/core/strict_json.h"
#include "src/core/whole_number.h"

namespace diffuse {

using nlohmann::json;

static constexpr size_t kMaxFileBytes = size_t{16} << 20;

// A value for use in a message: JSON, truncated.
static std::string shown(const json& value) {
  constexpr size_t kLongest = 60;
  std::string text = json_text(value);
  if (text.size() > kLongest) text.replace(kLongest, std::string::npos, "...");
  return text;
}

// Every integer below it is exact in a double.
static constexpr double kExact = int64_t{1} << 53;

// An integer in another form, as an integer: 1e3, 100.0 or, in an override, 010. `plain`: see Reader.
static json as_integer(const json& found, const std::string* plain) {
  const std::string text = plain != nullptr && found.is_primitive() ? *plain : "";
  if (const auto value = parse_integer(text)) return *value;
  if (const auto value = parse_unsigned(text)) return *value;
  if (!found.is_number_float()) return found;
  const double x = found.get<double>();
  return x == std::floor(x) && std::abs(x) < kExact ? json(static_cast<int64_t>(x)) : found;
}

// An override may give a real number in a form that JSON does not allow: .5, 5., +1.
static json as_real(const json& found, const std::string* plain) {
  const auto value = plain != nullptr && found.is_string() ? parse_real(*plain) : std::nullopt;
  return value ? json(*value) : found;
}

// Whether it is in range, but may differ from the number in the file by rounding.
static bool is_rounded(const json& found) {
  return found.is_number_float() && found.get<double>() >= kExact && found.get<double>() < 0x1p64;
}

namespace {

// Collects "/train/steps" and the like.
class PathLister {
 public:
  template <class T>
  void operator()(const char* key, T&, const Rule&, const char*) {
    paths.push_back(prefix_ + "/" + key);
  }
  template <class Section>
  void operator()(const char* key, Section& section, const char*) {
    prefix_ = std::string("/") + key;
    visit_fields(*this, section);
    prefix_.clear();
  }

  std::vector<std::string> paths;

 private:
  std::string prefix_;
};

// Fills a config from one JSON object. An absent key keeps the present value; finish() refuses keys that
// no field has read.
class Reader {
 public:
  // name: the file, for messages. plain: the text after "=" of an override, which text fields take as it
  // is unless it is a JSON string; nullptr in files.
  // A name without a path, as of a flag, is the only prefix of the field's messages.
  Reader(const json& object, std::string name, std::string path, const std::string* plain,
         bool names_path = true)
      : object_(object),
        name_(std::move(name)),
        path_(std::move(path)),
        plain_(plain),
        names_path_(names_path) {
    if (!object.is_object()) fail(path_, "an object", object);
  }

  template <class T>
  void operator()(const char* key, T& value, const Rule& rule, const char*) {
    if (const json* found = find(key)) read(path_ + "/" + key, *found, rule, value);
  }

  template <class Section>
  void operator()(const char* key, Section& section, const char*) {
    const json* found = find(key);
    if (found == nullptr) return;
    Reader reader(*found, name_, path_ + "/" + key, plain_, names_path_);
    visit_fields(reader, section);
    reader.finish();
  }

  void finish() const {
    for (const auto& [key, value] : object_.items()) {
      const bool allowed = key == "_comment" || (path_.empty() && key == "$schema");
      if (!allowed && !known_.contains(key)) fail_unknown(key);
    }
  }

 private:
  const json* find(const char* key) {
    known_.insert(key);
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }

  // Types are checked before get<>(), which would convert 1.5 and true to 1.
  template <class T>
  void read(const std::string& path, const json& found, const Rule& rule, T& value) const {
    if constexpr (std::is_same_v<T, bool>) {
      if (!found.is_boolean()) fail(path, wanted<T>(rule), found);
    } else if constexpr (std::is_integral_v<T>) {
      return read_integer(path, as_integer(found, plain_), rule, value);
    } else {
      const json number = as_real(found, plain_);
      if (!number.is_number() || !rule.holds(number.get<double>()))
        fail(path, wanted<T>(rule), found);
      value = number.get<T>();
      return;
    }
    value = found.get<T>();
  }

  template <class T>
  void read_integer(const std::string& path, const json& found, const Rule& rule, T& value) const {
    constexpr uint64_t kMost = std::numeric_limits<T>::max();
    if (!found.is_number_integer() || !rule.holds(found.get<double>()))
      fail(path, wanted<T>(rule) + (is_rounded(found) ? " with all digits" : ""), found);
    if (found.is_number_unsigned() && found.get<uint64_t>() > kMost)
      fail(path, concat("an integer <= ", kMost), found);
    value = found.get<T>();
  }

  std::string read_text(const std::string& path, const json& found,
                        const std::string& wanted) const {
    if (plain_ == nullptr && !found.is_string()) fail(path, wanted, found);
    return found.is_string() ? found.get<std::string>() : *plain_;
  }

  void read(const std::string& path, const json& found, const Rule& rule,
            std::string& value) const {
    value = read_text(path, found, wanted<std::string>(rule));
  }

  template <Worded T>
  void read(const std::string& path, const json& found, const Rule& rule, T& value) const {
    const std::string text = read_text(path, found, wanted<T>(rule));
    const auto known = find_word<T>(text);
    if (!known) {
      throw Error(where(path), "expected ", wanted<T>(rule), ", got ", shown(text),
                  did_you_mean(text, words_of<T>()));
    }
    value = *known;
  }

  template <class T>
  void read(const std::string& path, const json& found, const Rule& rule,
            std::vector<T>& values) const {
    const bool fits = found.is_array() && found.size() >= rule.min_items &&
                      (rule.max_items == 0 || found.size() <= rule.max_items);
    if (!fits) fail(path, wanted<std::vector<T>>(rule), found);
    values.assign(found.size(), T{});
    for (size_t i = 0; i < found.size(); ++i) {
      const std::string item = concat(path, "/", i);
      if (std::is_same_v<T, std::string> && !found[i].is_string())  // not `plain_`, the whole list
        fail(item, wanted<T>(rule), found[i]);
      read(item, found[i], rule, values[i]);
    }
  }

  void read(const std::string& path, const json& found, const Rule& rule,
            NamedNumbers& numbers) const {
    if (!found.is_object()) fail(path, wanted<NamedNumbers>(rule), found);
    numbers.clear();
    for (const auto& [key, value] : found.items())
      read(concat(path, "/", one_line(key)), value, rule, numbers[key]);
  }

  std::string where(const std::string& path) const {
    return name_ + ": " + (path.empty() || !names_path_ ? "" : path + ": ");
  }

  [[noreturn]] void fail(const std::string& path, const std::string& wanted,
                         const json& found) const {
    throw Error(where(path), "expected ", wanted, ", got ", shown(found));
  }

  // For a key of another section the message names that section, otherwise the nearest key of this one.
  [[noreturn]] void fail_unknown(const std::string& key) const {
    PathLister lister;
    Config config;
    visit_fields(lister, config);
    std::vector<std::string> elsewhere;
    for (const std::string& path : lister.paths)
      if (path.ends_with("/" + key)) elsewhere.push_back(path);
    const std::string hint = elsewhere.empty() ? did_you_mean(key, {known_.begin(), known_.end()})
                                               : "; did you mean " + join(elsewhere, " or ") + "?";
    throw Error(where(path_ + "/" + one_line(key)), "unknown key", hint);
  }

  const json& object_;
  const std::string name_;
  const std::string path_;
  const std::string* plain_;
  const bool names_path_;
  std::set<std::string> known_;
};

}  // namespace

static void read_config(const json& document, const std::string& name, const std::string* plain,
                        Config& config, bool names_path = true) {
  Reader reader(document, name, "", plain, names_path);
  visit_fields(reader, config);
  reader.finish();
}

static bool is_utf8(const std::string& text) {
  try {
    json(text).dump();
    return true;
  } catch (const json::type_error&) {
    return false;
  }
}

static std::vector<std::string> keys_of(const std::string& path) {
  std::vector<std::string> keys{""};
  for (const char c : path) {
    if (c == '.')
      keys.emplace_back();
    else
      keys.back() += c;
  }
  return keys;
}

// The value of "train", "steps" is read as the document {"train": {"steps": 1000}} over the present config.
static void set_value(const std::vector<std::string>& keys, const std::string& plain,
                      const std::string& name, bool names_path, Config& config) {
  if (!is_utf8(plain)) throw Error(name, ": expected UTF-8 text");
  json document = json::parse(plain, nullptr, /*allow_exceptions=*/false);
  document = document.is_discarded() ? json(plain) : parse_strict_json(plain, name);
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    json object = json::object();
    object[*key] = std::move(document);
    document = std::move(object);
  }
  read_config(document, name, &plain, config, names_path);
}

// "train.steps=1000"
static void apply_override(const std::string& text, Config& config) {
  const std::string name = "--set " + text;
  if (!is_utf8(text)) throw Error(name, ": expected UTF-8 text");
  const size_t equals = text.find('=');
  const auto keys = keys_of(text.substr(0, equals));
  if (equals == std::string::npos || std::find(keys.begin(), keys.end(), "") != keys.end())
    throw Error(name, ": expected PATH=VALUE, for example train.steps=1000");
  set_value(keys, text.substr(equals + 1), name, /*names_path=*/true, config);
}

// Like check_config, but names the flag instead of a field that was set by a flag.
static void check_given(const Config& config, const std::vector<FlagValue>& flags) {
  std::vector<std::string> names;
  for (const FlagValue& given : flags) names.push_back(given.flag);
  const std::string all = join(names);
  try {
    check_config(config, all);
  } catch (const Error& error) {
    const std::string message = error.what();
    for (const FlagValue& given : flags) {
      const std::string start = concat(all, ": /", join(keys_of(given.path), "/"), ": ");
      if (message.starts_with(start)) throw Error(given.flag, ": ", message.substr(start.size()));
    }
    throw;
  }
}

Config with_flags(Config config, const std::vector<FlagValue>& flags) {
  for (const FlagValue& given : flags)
    set_value(keys_of(given.path), given.value, given.flag, /*names_path=*/false, config);
  if (!flags.empty()) check_given(config, flags);
  return config;
}

// A file of version 0.1.0 has only the shape.
static void fill_in_sample_kind(ModelConfig& config) {
  if (config.sample_kind != SampleKind::kUnset || config.sample_shape.empty()) return;
  const auto dimensions = config.sample_shape.size();
  config.sample_kind = dimensions == 3   ? SampleKind::kImage
                       : dimensions == 2 ? SampleKind::kSignal
                                         : SampleKind::kPoint;
}

Config parse_config(const std::string& text, const std::string& name,
                    const std::vector<std::string>& overrides) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos)
    throw Error(name, ": expected a JSON object, got an empty file");
  Config config;
  read_config(parse_strict_json(text, name), name, nullptr, config);
  for (const std::string& override_text : overrides) apply_override(override_text, config);
  fill_in_sample_kind(config.model);
  check_config(config, name);
  return config;
}

Config load_config(const std::filesystem::path& file, const std::vector<std::string>& overrides) {
  const std::string name = file.string();
  std::error_code unknown;  // opening the file then gives the reason
  const auto status = std::filesystem::status(file, unknown);
  if (status.type() == std::filesystem::file_type::not_found) throw Error(name, ": no such file");
  if (std::filesystem::is_directory(status)) throw Error(name, ": expected a file, got a folder");
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw Error(name, ": cannot be read (", std::strerror(errno), ")");

  std::string text(kMaxFileBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kMaxFileBytes) throw Error(name, ": larger than 16 MiB, so not a config");
  return parse_config(text, name, overrides);
}

}  // namespace diffuse
