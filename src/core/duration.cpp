#include "src/core/duration.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <iomanip>
#include <sstream>

#include "diffuse/core/error.h"

namespace diffuse {

double seconds_now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

namespace {

struct Unit {
  char letter;
  double seconds;
};
constexpr std::array<Unit, 4> kUnits{{{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}};

[[noreturn]] void refuse(std::string_view text) {
  throw Error("expected a duration such as 3h50m, 90s, 1d2h or 45 (seconds), got \"", text, "\"");
}

}  // namespace

double parse_duration(std::string_view text) {
  const char* place = text.data();
  const char* const end = place + text.size();
  double total = 0;
  size_t next_unit = 0;  // units come in order, each at most once
  do {
    double number = 0;
    const auto [after, error] = std::from_chars(place, end, number, std::chars_format::fixed);
    if (error != std::errc() || !std::isfinite(number) || std::signbit(number)) refuse(text);
    if (after == end && place == text.data()) return number;  // a bare number: seconds
    while (next_unit < kUnits.size() && (after == end || kUnits[next_unit].letter != *after))
      ++next_unit;
    if (next_unit == kUnits.size()) refuse(text);
    total += number * kUnits[next_unit++].seconds;
    place = after + 1;
  } while (place != end);
  return total;
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e12) return "?";
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 60) return concat(whole, "s");
  const auto two = [](int64_t large, char unit, int64_t small, char small_unit) {
    return concat(large, unit, std::setw(2), std::setfill('0'), small, small_unit);
  };
  if (whole < 3600) return two(whole / 60, 'm', whole % 60, 's');
  if (whole < 86400) return two(whole / 3600, 'h', whole % 3600 / 60, 'm');
  return two(whole / 86400, 'd', whole % 86400 / 3600, 'h');
}

}  // namespace diffuse
