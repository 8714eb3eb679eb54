// The values that a config field accepts, and their description in messages, help and schema.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "diffuse/core/error.h"
#include "diffuse/core/words.h"

namespace diffuse {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Rule {
  double low = -kInfinity;  // numbers, and each number of a list
  double high = kInfinity;
  bool without_low = false;  // (low, ... instead of [low, ...
  bool without_high = false;
  size_t min_items = 0;  // lists
  size_t max_items = 0;  // 0 = any number

  bool holds(double x) const {
    return std::isfinite(x) && (without_low ? x > low : x >= low) &&
           (without_high ? x < high : x <= high);
  }
};

inline Rule anything() { return {}; }
inline Rule at_least(double low) { return {.low = low}; }
inline Rule above(double low) { return {.low = low, .without_low = true}; }
inline Rule between(double low, double high) { return {.low = low, .high = high}; }
inline Rule inside(double low, double high) {  // (low, high)
  return {.low = low, .high = high, .without_low = true, .without_high = true};
}
inline Rule from_below(double low, double high) {  // [low, high)
  return {.low = low, .high = high, .without_high = true};
}
inline Rule any_word() { return {}; }  // of the field's enum
inline Rule list_of(Rule item, size_t min_items = 0, size_t max_items = 0) {
  item.min_items = min_items;
  item.max_items = max_items;
  return item;
}

template <class T>
struct IsList : std::false_type {};
template <class T>
struct IsList<std::vector<T>> : std::true_type {};

// Names -> numbers: the rule is that of each number.
using NamedNumbers = std::map<std::string, double>;

// 1000000 rather than 1e+06; 0.5 unchanged.
inline std::string number_text(double x) {
  if (x == std::floor(x) && std::abs(x) < 1e15) return std::to_string(static_cast<int64_t>(x));
  return concat(x);
}

// " >= 1", " in [0, 1)" or "".
inline std::string range_text(const Rule& rule) {
  if (rule.low == -kInfinity) return "";
  if (rule.high == kInfinity)
    return concat(rule.without_low ? " > " : " >= ", number_text(rule.low));
  return concat(" in ", rule.without_low ? "(" : "[", number_text(rule.low), ", ",
                number_text(rule.high), rule.without_high ? ")" : "]");
}

// "an integer >= 1", "one of unet, mlp", "a list of 1 to 8 integers >= 1".
template <class T>
std::string wanted(const Rule& rule) {
  if constexpr (std::is_same_v<T, bool>) {
    return "true or false";
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "text";
  } else if constexpr (Worded<T>) {
    return "one of " + join(words_of<T>());
  } else if constexpr (std::is_same_v<T, NamedNumbers>) {
    return "an object of numbers" + range_text(rule);
  } else if constexpr (IsList<T>::value) {
    using Item = typename T::value_type;
    const char* const items = std::is_same_v<Item, std::string> ? "texts"
                              : std::is_integral_v<Item>        ? "integers"
                                                                : "numbers";
    const std::string count =
        rule.max_items == 0 ? "" : concat(rule.min_items, " to ", rule.max_items, " ");
    return concat("a list of ", count, items, range_text(rule));
  } else {
    const bool whole = std::is_integral_v<T>;
    return concat(whole ? "an integer" : "a number", range_text(rule));
  }
}

}  // namespace diffuse
