#include "time_law.h"

#include <ATen/ATen.h>

#include <cmath>
#include <numbers>

#include "diffuse/core/error.h"

namespace diffuse {

double covering_share(int64_t i) {
  const double turns = (static_cast<double>(i) + 0.5) * (std::numbers::phi - 1);
  return turns - std::floor(turns);
}

static double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

TimeLaw::TimeLaw(const DiffusionConfig& config, std::shared_ptr<const Process> process)
    : process_(std::move(process)) {
  const TimestepLaw law = config.timestep_sampler;
  if (law == TimestepLaw::kUniform || law == TimestepLaw::kStratified) return;
  kind_ = law == TimestepLaw::kLogNormal ? Kind::kLogNormal : Kind::kLogitNormal;
  if (kind_ == Kind::kLogitNormal && process_->unbounded())
    throw Error("/diffusion/timestep_sampler: \"logit_normal\" needs times from 0 to 1, but for ",
                config.process, " time is sigma; use log_normal");
  const bool by_sigma = kind_ == Kind::kLogNormal;
  mean_ = by_sigma ? config.log_normal_mean : config.logit_normal_mean;
  std_ = by_sigma ? config.log_normal_std : config.logit_normal_std;
  const double last = by_sigma ? process_->last_time_with_signal() : process_->last_time();
  low_ = normal_cdf((coordinate(process_->first_time()) - mean_) / std_);
  high_ = normal_cdf((coordinate(last) - mean_) / std_);
}

// The normally distributed coordinate of the law.
double TimeLaw::coordinate(double time) const {
  return kind_ == Kind::kLogNormal ? std::log(process_->level(time).sigma())
                                   : std::log(time / (1 - time));
}

double TimeLaw::time_of(double coordinate) const {
  return kind_ == Kind::kLogNormal ? process_->time_of_sigma(std::exp(coordinate))
                                   : 1 / (1 + std::exp(-coordinate));
}

at::Tensor TimeLaw::times(const at::Tensor& u) const {
  const at::Tensor even = u.to(at::kCPU, at::kDouble).contiguous();
  const at::Tensor z = at::special_ndtri(low_ + (high_ - low_) * even);
  at::Tensor times = at::empty_like(even);
  for (int64_t i = 0; i < even.numel(); ++i)
    times.mutable_data_ptr<double>()[i] =
        kind_ == Kind::kEven ? process_->time_at(even.const_data_ptr<double>()[i])
                             : time_of(mean_ + std_ * z.const_data_ptr<double>()[i]);
  return times;
}

// p(share) = p(coordinate) d coordinate / d share; log σ = −½ log snr, and d logit / dt = 1 / (t (1 − t))
at::Tensor TimeLaw::density(const at::Tensor& time) const {
  const at::Tensor t = time.to(at::kDouble);
  if (kind_ == Kind::kEven) return at::ones_like(t);
  const bool by_sigma = kind_ == Kind::kLogNormal;
  const Levels at = process_->levels(t);
  const at::Tensor coordinate = by_sigma ? (at.s / at.a).log() : (t / (1 - t)).log();
  const at::Tensor slope = by_sigma
                               ? process_->log_snr_slope(t) / 2
                               : (process_->last_time() - process_->first_time()) / (t * (1 - t));
  const double scale = std_ * std::sqrt(2 * std::numbers::pi) * (high_ - low_);
  return (-0.5 * ((coordinate - mean_) / std_).square()).exp() / scale * slope;
}

}  // namespace diffuse
