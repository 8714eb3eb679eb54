#include "chart_scale.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>

namespace diffuse {

bool Scale::holds(double value) const { return std::isfinite(value) && (!log || value > 0); }

double Scale::share(double value) const {
  return log ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
}

void Scale::include(double value) {
  if (!holds(value)) return;
  low = std::min(low, value);
  high = std::max(high, value);
}

// Ticks at 1, 2 or 5 times a power of ten.
static void settle_linear(Scale& scale, bool widen) {
  const double range = scale.high - scale.low;
  const double power = std::pow(10, std::floor(std::log10(range / 5)));
  const double ratio = range / 5 / power;
  const double step = power * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
  if (widen) {
    scale.low = std::floor(scale.low / step + 1e-9) * step;
    scale.high = std::ceil(scale.high / step - 1e-9) * step;
  }
  const auto first = static_cast<int64_t>(std::ceil(scale.low / step - 1e-9));
  const auto last = static_cast<int64_t>(std::floor(scale.high / step + 1e-9));
  for (int64_t i = first; i <= last; ++i) scale.ticks.push_back(static_cast<double>(i) * step);
}

// 1, 2, 5, 10, 20, ... for i = 0, 1, 2, 3, 4, ...; below 1 for i < 0.
static double round_number(int64_t i) {
  const int64_t decade = i >= 0 ? i / 3 : -((2 - i) / 3);
  const int64_t rest = i - 3 * decade;
  return (rest == 0 ? 1.0 : rest == 1 ? 2.0 : 5.0) * std::pow(10, static_cast<double>(decade));
}

// Ticks at 1, 2 and 5 times powers of ten; at powers of ten only if there are more than seven, or at every
// n-th of them.
static void settle_log(Scale& scale, bool widen) {
  auto first = 3 * static_cast<int64_t>(std::floor(std::log10(scale.low)));
  while (round_number(first + 1) <= scale.low * (1 + 1e-9)) ++first;
  int64_t last = first + 1;
  while (round_number(last) < scale.high * (1 - 1e-9)) ++last;
  const bool decades = last - first > 7;
  int64_t stride = 1;
  if (decades) {
    first = 3 * static_cast<int64_t>(std::floor(static_cast<double>(first) / 3));
    last = 3 * static_cast<int64_t>(std::ceil(static_cast<double>(last) / 3));
    stride = 3 * ((last - first) / 3 / 7 + 1);
  }
  if (widen || scale.low == scale.high) {
    scale.low = round_number(first);
    scale.high = round_number(last);
  }
  for (int64_t i = first; i <= last; i += stride)
    if (const double tick = round_number(i);
        tick >= scale.low * (1 - 1e-9) && tick <= scale.high * (1 + 1e-9))
      scale.ticks.push_back(tick);
  if (scale.ticks.empty()) scale.ticks = {scale.low, scale.high};
}

void Scale::settle(bool widen) {
  if (!(low <= high)) low = log ? 0.1 : 0, high = 1;  // no values
  if (low == high && !log) {
    const double margin = low == 0 ? 1 : std::abs(low) / 2;
    low -= margin;
    high += margin;
  }
  log ? settle_log(*this, widen) : settle_linear(*this, widen);
}

Scales scales_of(const Chart& chart) {
  Scales scales;
  scales.x.log = chart.log_x;
  scales.y.log = chart.log_y;
  for (const ChartSeries& series : chart.series) {
    for (const double value : series.x) scales.x.include(value);
    for (const double value : series.y) scales.y.include(value);
  }
  scales.x.settle(false);
  scales.y.settle(true);
  return scales;
}

static std::string number(const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

static std::string superscript(int exponent) {
  static const char* const kDigits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string text = exponent < 0 ? "⁻" : "";
  for (const char digit : std::to_string(std::abs(exponent))) text += kDigits[digit - '0'];
  return text;
}

std::string tick_text(double value) {
  if (std::abs(value) < 1e-300) return "0";
  if (value < 0) return "−" + tick_text(-value);
  if (value >= 1e4 && value < 1e6) return number("%.6gk", value / 1e3);
  if (value >= 1e6 && value < 1e9) return number("%.6gM", value / 1e6);
  if (value >= 1e-3 && value < 1e9) return number("%.6g", value);
  int exponent = static_cast<int>(std::floor(std::log10(value) + 1e-9));
  const std::string mantissa = number("%.3g", value / std::pow(10, exponent));
  return (mantissa == "1" ? "10" : mantissa + "·10") + superscript(exponent);
}

std::string title_and_unit(const Chart& chart) {
  return chart.title + (chart.unit.empty() ? "" : ", " + chart.unit);
}

}  // namespace diffuse
