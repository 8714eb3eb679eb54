#include "src/core/whole_number.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

namespace diffuse {

template <class T>
static std::optional<T> read_all(std::string_view text, int base = 10) {
  T value = 0;
  const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failure != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

static std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\r";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

static std::string_view without_plus(std::string_view text) {
  const bool signed_twice = text.starts_with("+-") || text.starts_with("++");
  return text.substr(text.starts_with('+') && !signed_twice ? 1 : 0);
}

// digits * 10^exponent
static std::optional<uint64_t> scaled(std::string digits, int64_t exponent) {
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) return 0;
  for (; exponent < 0 && digits.back() == '0'; ++exponent) digits.pop_back();
  constexpr int64_t kMostDigits = std::numeric_limits<uint64_t>::digits10 + 1;
  if (exponent < 0 || exponent > kMostDigits) return std::nullopt;
  return read_all<uint64_t>(digits + std::string(static_cast<size_t>(exponent), '0'));
}

static std::optional<uint64_t> read_magnitude(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X"))
    return read_all<uint64_t>(text.substr(2), 16);
  std::optional<int32_t> exponent = 0;
  if (const size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    exponent = read_all<int32_t>(without_plus(text.substr(e + 1)));
    text = text.substr(0, e);
  }
  std::string digits(text);
  const size_t point = std::min(digits.find('.'), digits.size());
  digits.erase(point, 1);
  const bool all_digits = std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (!exponent || digits.empty() || !all_digits) return std::nullopt;
  return scaled(digits, *exponent - static_cast<int64_t>(digits.size() - point));
}

std::optional<uint64_t> parse_unsigned(std::string_view text) {
  return read_magnitude(without_plus(without_blanks(text)));
}

std::optional<int64_t> parse_integer(std::string_view text) {
  text = without_blanks(text);
  const bool negative = text.starts_with('-');
  const auto magnitude = read_magnitude(negative ? text.substr(1) : without_plus(text));
  const uint64_t most = std::numeric_limits<int64_t>::max();
  if (!magnitude || *magnitude > most + (negative ? 1 : 0)) return std::nullopt;
  return static_cast<int64_t>(negative ? 0 - *magnitude : *magnitude);
}

std::optional<double> parse_real(std::string_view text) {
  const std::string number(without_blanks(text));
  if (number.empty()) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(number.c_str(), &end);
  const bool is_all = end == number.c_str() + number.size();
  const bool vanished =
      value == 0 && number.find_first_of("123456789") < number.find_first_of("eE");
  if (!is_all || !std::isfinite(value) || vanished) return std::nullopt;
  return value;
}

}  // namespace diffuse
