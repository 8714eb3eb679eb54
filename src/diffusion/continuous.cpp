#include "continuous.h"

#include <ATen/ATen.h>

#include <cmath>
#include <numbers>

#include "diffuse/core/error.h"

namespace diffuse {

namespace {

// Time from 0, the data, to 1. Networks get it times 1,000, like a chain of 1,000 steps.
class UnitTime : public Process {
 public:
  explicit UnitTime(double first) : first_(first) {}

  double first_time() const override { return first_; }
  double last_time() const override { return 1; }
  double time_at(double share) const override { return std::lerp(first_, 1.0, share); }
  at::Tensor part_of(const at::Tensor& time, int64_t count) const override {
    const at::Tensor share = (time.to(at::kDouble) - first_) / (1 - first_);
    return (share * static_cast<double>(count)).floor().clamp(0, count - 1).to(at::kLong);
  }
  at::Tensor told(const at::Tensor& time) const override { return time.to(at::kDouble) * 1000; }
  at::Tensor time_told(const at::Tensor& told) const override {
    return told.to(at::kDouble) / 1000;
  }

 private:
  double first_;
};

// dx = −½ β x dt + √β dw with β = β_min + t (β_max − β_min): with B = ∫ β, a² = e^−B, s² = 1 − e^−B
//                                                                            [Song21b] eq. 11, 33
class VariancePreserving : public UnitTime {
 public:
  static constexpr double kFirst = 1e-5;  // [Song21b] app. C

  explicit VariancePreserving(const DiffusionConfig& c)
      : UnitTime(kFirst), beta_min_(c.beta_min), beta_max_(c.beta_max) {}

  Levels levels(const at::Tensor& time) const override {
    const at::Tensor t = time.to(at::kDouble), B = integral(t);
    return {.time = t, .a = (-0.5 * B).exp(), .s = (-(-B).expm1()).sqrt()};
  }
  // B = log(1 + σ²)
  double time_of_sigma(double sigma) const override { return time_of(std::log1p(sigma * sigma)); }
  // λ = log(e^−B / (1 − e^−B)), −dλ/dt = β / (1 − e^−B)
  at::Tensor log_snr_slope(const at::Tensor& time) const override {
    const at::Tensor t = time.to(at::kDouble);
    return beta(t) / -(-integral(t)).expm1() * (1 - kFirst);
  }

 protected:
  at::Tensor beta(const at::Tensor& t) const { return beta_min_ + t * (beta_max_ - beta_min_); }
  at::Tensor integral(const at::Tensor& t) const {
    return beta_min_ * t + 0.5 * (beta_max_ - beta_min_) * t.square();
  }
  // The inverse of B: the root of ½ (β_max − β_min) t² + β_min t = B, without cancellation.
  double time_of(double B) const {
    const double root = std::sqrt(beta_min_ * beta_min_ + 2 * (beta_max_ - beta_min_) * B);
    return 2 * B / (beta_min_ + root);
  }

 private:
  double beta_min_, beta_max_;
};

// a² = e^−B as in vp, s = 1 − e^−B                                               [Song21b] eq. 13, 29
class SubVariancePreserving : public VariancePreserving {
 public:
  using VariancePreserving::VariancePreserving;

  Levels levels(const at::Tensor& time) const override {
    const at::Tensor t = time.to(at::kDouble), B = integral(t);
    return {.time = t, .a = (-0.5 * B).exp(), .s = -(-B).expm1()};
  }
  // σ = 2 sinh(B / 2)
  double time_of_sigma(double sigma) const override { return time_of(2 * std::asinh(sigma / 2)); }
  // −dλ/dt = β (1 + e^−B) / (1 − e^−B)
  at::Tensor log_snr_slope(const at::Tensor& time) const override {
    const at::Tensor t = time.to(at::kDouble), kept = (-integral(t)).exp();
    return beta(t) * (1 + kept) / (1 - kept) * (1 - kFirst);
  }
};

// x_σ = x_0 + σ ε; time is σ, its fractions are even in log σ       [Karras22] sec. 2, [Song21b] eq. 9
class Exploding : public Process {
 public:
  explicit Exploding(const NoiseRange& range) : min_(range.low), max_(range.high) {}

  Levels levels(const at::Tensor& time) const override {
    const at::Tensor sigma = time.to(at::kDouble);
    return {.time = sigma, .a = at::ones_like(sigma), .s = sigma};
  }
  double first_time() const override { return min_; }
  double last_time() const override { return max_; }
  double time_at(double share) const override { return min_ * std::pow(max_ / min_, share); }
  double time_of_sigma(double sigma) const override { return sigma; }
  at::Tensor part_of(const at::Tensor& time, int64_t count) const override {
    const at::Tensor share = (time.to(at::kDouble) / min_).log() / std::log(max_ / min_);
    return (share * static_cast<double>(count)).floor().clamp(0, count - 1).to(at::kLong);
  }
  // λ = −2 log σ
  at::Tensor log_snr_slope(const at::Tensor& time) const override {
    return at::full(time.sizes(), 2 * std::log(max_ / min_), time.options().dtype(at::kDouble));
  }
  // c_noise = ¼ log σ                                                             [Karras22] Table 1
  at::Tensor told(const at::Tensor& time) const override { return time.to(at::kDouble).log() / 4; }
  at::Tensor time_told(const at::Tensor& told) const override {
    return (told.to(at::kDouble) * 4).exp();
  }
  bool unbounded() const override { return true; }
  double prior_std(const Level& level) const override { return level.s; }

 private:
  double min_, max_;
};

// x_t = (1 − t) x_0 + t ε                                                    [Liu23] eq. 1, [Lipman23]
class Flow : public UnitTime {
 public:
  static constexpr double kFirst = 1e-3;

  Flow() : UnitTime(kFirst) {}

  Levels levels(const at::Tensor& time) const override {
    const at::Tensor t = time.to(at::kDouble);
    return {.time = t, .a = 1 - t, .s = t};
  }
  double last_time_with_signal() const override { return 1 - kFirst; }
  double time_of_sigma(double sigma) const override { return sigma / (1 + sigma); }
  // λ = 2 log((1 − t) / t)
  at::Tensor log_snr_slope(const at::Tensor& time) const override {
    const at::Tensor t = time.to(at::kDouble);
    return 2 / (t * (1 - t)) * (1 - kFirst);
  }
  bool straight() const override { return true; }
  double prior_std(const Level& level) const override { return level.s; }
};

}  // namespace

std::shared_ptr<const Process> make_continuous(const DiffusionConfig& c) {
  switch (c.process) {
    case ProcessKind::kVp:
      return std::make_shared<VariancePreserving>(c);
    case ProcessKind::kSubvp:
      return std::make_shared<SubVariancePreserving>(c);
    case ProcessKind::kFlow:
      return std::make_shared<Flow>();
    case ProcessKind::kVe:
    case ProcessKind::kEdm:
      return std::make_shared<Exploding>(noise_range(c));
    case ProcessKind::kDdpm:
      break;
  }
  return nullptr;
}

}  // namespace diffuse
