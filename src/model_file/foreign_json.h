// Reads a JSON object of another program field by field, with that program's defaults.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace diffuse {

class ForeignJson {
 public:
  ForeignJson(std::string name, nlohmann::json object)
      : name_(std::move(name)), object_(std::move(object)) {}

  // Python writes Infinity, -Infinity and NaN, which are not JSON: they become strings here.
  static ForeignJson read(const std::filesystem::path& file);

  // The field's value, or the default if it is absent. Other types are refused.
  bool flag(const char* key, bool fallback);
  int64_t integer(const char* key, int64_t fallback);
  double number(const char* key, double fallback);
  std::string text(const char* key, const std::string& fallback);
  // A single integer counts as a list of one.
  std::vector<int64_t> integers(const char* key, const std::vector<int64_t>& fallback);
  std::vector<double> numbers(const char* key);
  std::vector<std::string> texts(const char* key, const std::vector<std::string>& fallback);
  // An object of strings; an absent field is an empty one.
  std::map<std::string, std::string> text_map(const char* key);
  // Whether it is present and not null.
  bool has(const char* key) const;
  bool is_null(const char* key, bool fallback) { return is(key, nullptr, fallback); }
  bool is(const char* key, const nlohmann::json& value, bool fallback);

  // Refuses other values; an absent field has the first.
  nlohmann::json one_of(const char* key, const std::vector<nlohmann::json>& allowed);

  // Fields that do not affect the model, such as another program's details of stepping.
  void ignore(std::initializer_list<const char*> keys);

  // Logs a warning "FILE: /key: VALUE: WHAT".
  void remark(const char* key, const std::string& what) const;

  // Throws Error "FILE: /key: expected WANTED, got VALUE".
  [[noreturn]] void refuse(const char* key, const std::string& wanted) const;

  // Warns of the fields that were not read.
  void finish() const;

 private:
  const nlohmann::json* find(const char* key);
  std::string shown(const char* key) const;
  template <class T>
  T get(const char* key, const T& fallback, const char* wanted,
        bool (*fits)(const nlohmann::json&));

  std::string name_;
  nlohmann::json object_;
  std::set<std::string> known_;
};

}  // namespace diffuse
