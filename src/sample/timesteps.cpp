#include "diffuse/sample/timesteps.h"

#include <algorithm>
#include <cmath>

#include "diffuse/core/error.h"
#include "diffuse/diffusion/noise_schedule.h"
#include "src/core/whole_number.h"

namespace diffuse {

// Makes rounded values distinct within 0 .. T-1, keeping their order.
static void make_distinct(std::vector<int64_t>& rising, int64_t timesteps) {
  const auto count = static_cast<int64_t>(rising.size());
  for (int64_t i = 1; i < count; ++i) rising[i] = std::max(rising[i], rising[i - 1] + 1);
  for (int64_t i = count - 1; i >= 0; --i) rising[i] = std::min(rising[i], timesteps - (count - i));
}

// Item i of `steps` increasing items from near 0 to near T - 1.
static int64_t spaced(Spacing spacing, int64_t i, int64_t timesteps, int64_t steps) {
  const auto T = static_cast<double>(timesteps);
  const auto S = static_cast<double>(steps);
  if (spacing == Spacing::kLeading) return i * (timesteps / steps);
  if (spacing == Spacing::kTrailing) return std::llround(T * static_cast<double>(i + 1) / S) - 1;
  const double share = steps == 1 ? 1.0 : static_cast<double>(i) / (S - 1);
  if (spacing == Spacing::kUniform) return std::llround(share * (T - 1));
  if (spacing == Spacing::kQuadratic) return static_cast<int64_t>(0.8 * T * share * share);
  throw Error("--spacing: expected leading, trailing, uniform or quadratic, got \"", spacing, "\"");
}

static void check_steps(int64_t timesteps, int64_t steps) {
  if (steps < 1 || steps > timesteps)
    throw Error("--steps: expected 1 to ", timesteps, " (the model's timesteps), got ", steps);
}

std::vector<double> spaced_timesteps(int64_t timesteps, int64_t steps, Spacing spacing) {
  check_steps(timesteps, steps);
  std::vector<int64_t> list(steps);
  for (int64_t i = 0; i < steps; ++i) list[i] = spaced(spacing, i, timesteps, steps);
  make_distinct(list, timesteps);
  return {list.rbegin(), list.rend()};
}

// The index of the value nearest to `value` in an increasing table.
static int64_t nearest(const std::vector<double>& rising, double value) {
  const auto above = std::lower_bound(rising.begin(), rising.end(), value);
  const auto i = above - rising.begin();
  if (above == rising.end()) return i - 1;
  return i > 0 && value - rising[i - 1] <= *above - value ? i - 1 : i;
}

static std::vector<double> karras_timesteps(const NoiseSchedule& schedule, int64_t steps) {
  constexpr double kRho = 7;
  const at::Tensor table = (1 / schedule.snr()).sqrt();
  std::vector<double> sigma(table.const_data_ptr<double>(),
                            table.const_data_ptr<double>() + table.numel());
  const bool infinite = schedule.zero_terminal_snr();
  if (infinite) sigma.pop_back();
  const int64_t finite = infinite ? steps - 1 : steps;
  const int64_t last = schedule.timesteps() - 1;
  if (finite == 0) return {static_cast<double>(last)};
  const double low = std::pow(sigma.front(), 1 / kRho), high = std::pow(sigma.back(), 1 / kRho);
  std::vector<int64_t> list(finite);
  for (int64_t i = 0; i < finite; ++i) {
    const double share =
        finite == 1 ? 1.0 : static_cast<double>(i) / static_cast<double>(finite - 1);
    list[i] = nearest(sigma, std::pow(low + share * (high - low), kRho));
  }
  make_distinct(list, static_cast<int64_t>(sigma.size()));
  if (infinite) list.push_back(last);
  return {list.rbegin(), list.rend()};
}

// σ_i = (σ_max^1/7 + i/(S − 1) (σ_min^1/7 − σ_max^1/7))^7, after an infinite σ
//                                                                                  [Karras22] eq. 5
static std::vector<double> karras_times(const Process& process, int64_t steps) {
  constexpr double kRho = 7;
  const double last = process.last_time_with_signal();
  const double low = std::pow(process.level(process.first_time()).sigma(), 1 / kRho);
  const double high = std::pow(process.level(last).sigma(), 1 / kRho);
  std::vector<double> times;
  if (last < process.last_time()) times.push_back(process.last_time());
  const int64_t finite = steps - std::ssize(times);
  for (int64_t i = 0; i < finite; ++i) {
    const double share = finite == 1 ? 0 : static_cast<double>(i) / static_cast<double>(finite - 1);
    times.push_back(process.time_of_sigma(std::pow(std::lerp(high, low, share), kRho)));
  }
  return times;
}

static std::vector<double> continuous_times(const Process& process, int64_t steps,
                                            Spacing spacing) {
  if (steps < 1) throw Error("--steps: expected at least 1, got ", steps);
  if (spacing == Spacing::kKarras) return karras_times(process, steps);
  if (spacing != Spacing::kTrailing && spacing != Spacing::kUniform)
    throw Error("--spacing: ", spacing, " needs discrete timesteps, but this model's time is ",
                "continuous; use trailing, uniform or karras");
  // Fractions of the range: trailing ends one interval before the first time; a step to the data follows.
  std::vector<double> times(static_cast<size_t>(steps));
  const auto parts =
      static_cast<double>(spacing == Spacing::kTrailing ? steps : std::max<int64_t>(steps - 1, 1));
  for (int64_t i = 0; i < steps; ++i)
    times[static_cast<size_t>(i)] = process.time_at(1 - static_cast<double>(i) / parts);
  return times;
}

std::vector<double> spaced_timesteps(const Process& process, int64_t steps, Spacing spacing) {
  if (process.schedule() == nullptr) return continuous_times(process, steps, spacing);
  const NoiseSchedule& schedule = *process.schedule();
  if (spacing != Spacing::kKarras) return spaced_timesteps(schedule.timesteps(), steps, spacing);
  check_steps(schedule.timesteps(), steps);
  return karras_timesteps(schedule, steps);
}

// "80,2.5,0.1" -> {80, 2.5, 0.1}
static std::vector<double> parse_times(const std::string& text, const Process& process) {
  std::vector<double> list;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, comma - begin);
    const double t = parse_real(part).value_or(-1);
    if (!(t >= process.first_time() && t <= process.last_time()))
      throw Error("--timesteps: expected times from ", process.first_time(), " to ",
                  process.last_time(), ", got \"", part, "\"");
    if (!list.empty() && t >= list.back())
      throw Error("--timesteps: expected a strictly decreasing list, got ", t, " after ",
                  list.back());
    list.push_back(t);
    begin = comma + 1;
  }
  return list;
}

std::vector<double> parse_timesteps(const std::string& text, const Process& process) {
  if (process.schedule() == nullptr) return parse_times(text, process);
  return parse_timesteps(text, process.schedule()->timesteps());
}

std::vector<double> parse_timesteps(const std::string& text, int64_t timesteps) {
  std::vector<double> list;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, comma - begin);
    const int64_t t = parse_integer(part).value_or(-1);
    if (t < 0 || t >= timesteps)
      throw Error("--timesteps: expected integers from 0 to ", timesteps - 1, ", got \"", part,
                  "\"");
    if (!list.empty() && static_cast<double>(t) >= list.back())
      throw Error("--timesteps: expected a strictly decreasing list, got ", t, " after ",
                  list.back());
    list.push_back(static_cast<double>(t));
    begin = comma + 1;
  }
  return list;
}

}  // namespace diffuse
