#include "noise_chain.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>

namespace diffuse {

// a = √ᾱ, s = √(1 − ᾱ)                                                                      eq. 5
NoiseChain::NoiseChain(NoiseSchedule schedule) : schedule_(std::move(schedule)) {
  const at::Tensor& kept = schedule_.alpha_bar();
  tables_ = {.a = at::cat({kept.new_ones({1}), kept.sqrt()}),
             .s = at::cat({kept.new_zeros({1}), schedule_.one_minus_alpha_bar().sqrt()})};
}

double NoiseChain::last_time_with_signal() const {
  return last_time() - (schedule_.zero_terminal_snr() ? 1 : 0);
}

double NoiseChain::time_at(double share) const {
  return std::min(std::floor(share * static_cast<double>(schedule_.timesteps())), last_time());
}

double NoiseChain::time_of_sigma(double sigma) const {
  const at::Tensor levels = (tables_.s / tables_.a).slice(0, 1);  // increasing
  const int64_t above = (levels < sigma).sum().item<int64_t>();
  if (above == 0) return 0;
  if (above == levels.size(0)) return last_time();
  const double low = levels[above - 1].item<double>(), high = levels[above].item<double>();
  return static_cast<double>(sigma * sigma < low * high ? above - 1 : above);
}

double NoiseChain::time_between(double sigma) const {
  const at::Tensor levels = (tables_.s / tables_.a).slice(0, 1).log();
  const double wanted = std::log(sigma);
  const int64_t above = (levels < wanted).sum().item<int64_t>();
  if (above == 0) return 0;
  if (above == levels.size(0)) return last_time();
  const double low = levels[above - 1].item<double>(), high = levels[above].item<double>();
  return static_cast<double>(above - 1) + (wanted - low) / (high - low);
}

at::Tensor NoiseChain::part_of(const at::Tensor& time, int64_t count) const {
  return time.to(at::kLong).mul(count).floor_divide(schedule_.timesteps());
}

double NoiseChain::first_log_variance() const {
  return schedule_.posterior_log_variance_clipped()[0].item<double>();
}

Levels NoiseChain::rows(const at::Tensor& time, int64_t offset) const {
  const Tables& tables = tables_on(time.device());
  const at::Tensor row = time.to(at::kLong) + offset;
  return {.time = time.to(at::kDouble) - static_cast<double>(1 - offset),
          .a = tables.a.index_select(0, row),
          .s = tables.s.index_select(0, row)};
}

// Between two rows log σ is linear in time; a² = 1 / (1 + σ²).
Levels NoiseChain::levels(const at::Tensor& time) const {
  const Levels here = rows(time, 1);
  if (!time.is_floating_point()) return here;
  const at::Tensor share = here.time - here.time.floor();
  const Levels next = rows(time.ceil(), 1);
  const at::Tensor low = (here.s / here.a).log(), high = (next.s / next.a).log();
  const at::Tensor sigma = (low + share * (high - low)).exp(), a = (1 + sigma.square()).rsqrt();
  return {.time = here.time,
          .a = at::where(share > 0, a, here.a),
          .s = at::where(share > 0, sigma * a, here.s)};
}

const NoiseChain::Tables& NoiseChain::tables_on(at::Device device) const {
  if (device == tables_.a.device()) return tables_;
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(copies_.begin(), copies_.end(),
                                  [&](const Tables& t) { return t.a.device() == device; });
  if (found != copies_.end()) return *found;
  const c10::InferenceMode training(
      false);  // a table made in inference mode cannot be used with gradients
  copies_.push_back({.a = tables_.a.to(device), .s = tables_.s.to(device)});
  return copies_.back();
}

}  // namespace diffuse
