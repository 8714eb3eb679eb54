// Output from the field lists: a config's values, the schema and the help.
#include <nlohmann/json.hpp>

#include "config_fields.h"
#include "diffuse/config/config_json.h"

namespace diffuse {

using nlohmann::ordered_json;

// -- values --

template <class T>
static ordered_json as_json(const T& value) {
  if constexpr (Worded<T>)
    return word_of(value);
  else
    return value;
}

namespace {

class Writer {
 public:
  template <class T>
  void operator()(const char* key, T& value, const Rule&, const char*) {
    object[key] = as_json(value);
  }
  template <class Section>
  void operator()(const char* key, Section& section, const char*) {
    Writer writer;
    visit_fields(writer, section);
    object[key] = std::move(writer.object);
  }

  ordered_json object = ordered_json::object();
};

}  // namespace

// [1, 2, 2]: dump(2) would put each number on its own line.
static std::string list_text(const ordered_json& list) {
  std::vector<std::string> items;
  for (const ordered_json& item : list) items.push_back(item.dump());
  return "[" + join(items) + "]";
}

// One field per line.
static std::string pretty(const ordered_json& value, const std::string& indent) {
  if (value.is_array()) return list_text(value);
  if (!value.is_object() || value.empty()) return value.dump();
  std::string text = "{";
  const char* separator = "\n";
  for (const auto& [key, field] : value.items()) {
    text +=
        separator + indent + "  " + ordered_json(key).dump() + ": " + pretty(field, indent + "  ");
    separator = ",\n";
  }
  return text + "\n" + indent + "}";
}

std::string config_to_json(const Config& config) {
  Config copy = config;  // visitors take fields by reference
  Writer writer;
  visit_fields(writer, copy);
  return pretty(writer.object, "") + "\n";
}

// -- schema --

template <class T>
static const char* type_name() {
  if constexpr (std::is_same_v<T, bool>)
    return "boolean";
  else if constexpr (std::is_same_v<T, std::string> || Worded<T>)
    return "string";
  else if constexpr (IsList<T>::value)
    return "array";
  else if constexpr (std::is_same_v<T, NamedNumbers>)
    return "object";
  else if constexpr (std::is_integral_v<T>)
    return "integer";
  else
    return "number";
}

// Integral limits are written as integers.
static ordered_json limit(double x) {
  return x == std::floor(x) ? ordered_json(static_cast<int64_t>(x)) : ordered_json(x);
}

template <class T>
static ordered_json type_schema(const Rule& rule) {
  ordered_json schema{{"type", type_name<T>()}};
  if constexpr (IsList<T>::value) {
    schema["items"] = type_schema<typename T::value_type>(rule);
    if (rule.min_items > 0) schema["minItems"] = rule.min_items;
    if (rule.max_items > 0) schema["maxItems"] = rule.max_items;
  } else if constexpr (std::is_same_v<T, NamedNumbers>) {
    schema["additionalProperties"] = type_schema<double>(rule);
  } else if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
    if (rule.low > -kInfinity)
      schema[rule.without_low ? "exclusiveMinimum" : "minimum"] = limit(rule.low);
    if (rule.high < kInfinity)
      schema[rule.without_high ? "exclusiveMaximum" : "maximum"] = limit(rule.high);
  } else if constexpr (Worded<T>) {
    schema["enum"] = words_of<T>();
  }
  return schema;
}

namespace {

class SchemaWriter {
 public:
  template <class T>
  void operator()(const char* key, T& value, const Rule& rule, const char* help) {
    ordered_json field{{"description", help}};
    field.update(type_schema<T>(rule));
    field["default"] = as_json(value);
    properties_[key] = std::move(field);
  }

  template <class Section>
  void operator()(const char* key, Section& section, const char* help) {
    SchemaWriter writer;
    visit_fields(writer, section);
    ordered_json field{{"description", help}};
    field.update(writer.object());
    properties_[key] = std::move(field);
  }

  ordered_json object() const {
    return {{"type", "object"},
            {"properties", properties_},
            {"patternProperties", {{"^_comment$", ordered_json::object()}}},
            {"additionalProperties", false}};
  }

  void allow_text(const char* key) { properties_[key] = {{"type", "string"}}; }

 private:
  ordered_json properties_ = ordered_json::object();
};

// "train.batch_size" with its rule, default and help text.
class HelpWriter {
 public:
  template <class T>
  void operator()(const char* key, T& value, const Rule& rule, const char* help) {
    text += concat(prefix_, key, "  (", wanted<T>(rule), "; default ", as_json(value).dump(),
                   ")\n    ", help, "\n");
  }

  template <class Section>
  void operator()(const char* key, Section& section, const char* help) {
    text += concat("\n", key, ": ", help, "\n\n");
    prefix_ = concat(key, ".");
    visit_fields(*this, section);
    prefix_.clear();
  }

  std::string text;

 private:
  std::string prefix_;
};

}  // namespace

std::string config_schema() {
  Config defaults;
  SchemaWriter writer;
  visit_fields(writer, defaults);
  writer.allow_text("$schema");
  ordered_json schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                      {"title", "diffuse config"}};
  schema.update(writer.object());
  return schema.dump(2) + "\n";
}

std::string config_help() {
  Config defaults;
  HelpWriter writer;
  visit_fields(writer, defaults);
  return writer.text;
}

}  // namespace diffuse
