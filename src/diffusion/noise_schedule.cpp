#include "diffuse/diffusion/noise_schedule.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>

#include "diffuse/core/error.h"

namespace diffuse {

using Table = std::vector<double>;

static constexpr double kMaxBeta = 0.999;  // [Nichol21] sec. 3.2: no singularity at t = T

// n numbers from first to last; {first} for n = 1.
static Table linspace(double first, double last, int64_t n) {
  Table values(n, first);
  for (int64_t i = 1; i < n; ++i) values[i] = first + (last - first) * i / (n - 1);
  return values;
}

static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// β from ᾱ as a function of time in [0, 1]: β_i = 1 − ᾱ((i + 1) / T) / ᾱ(i / T), capped.
static Table from_alpha_bar(int64_t steps, const std::function<double(double)>& alpha_bar) {
  Table beta(steps);
  for (int64_t i = 0; i < steps; ++i) {
    const double from = alpha_bar(static_cast<double>(i) / steps);
    const double to = alpha_bar(static_cast<double>(i + 1) / steps);
    beta[i] = std::min(1 - to / from, kMaxBeta);
  }
  return beta;
}

static Table quadratic(const DiffusionConfig& c) {
  Table beta = linspace(std::sqrt(c.beta_start), std::sqrt(c.beta_end), c.timesteps);
  for (double& b : beta) b *= b;
  return beta;
}

// [Nichol21] eq. 17
static Table cosine(const DiffusionConfig& c) {
  return from_alpha_bar(c.timesteps, [](double time) {
    constexpr double kOffset = 0.008;
    const double root = std::cos((time + kOffset) / (1 + kOffset) * std::numbers::pi / 2);
    return root * root;
  });
}

// 1/T, 1/(T−1), ..., 1: ᾱ decreases in equal steps to 0.  [Sohl15] sec. 2.4.1
static Table jsd(const DiffusionConfig& c) {
  Table beta(c.timesteps);
  for (int64_t i = 0; i < c.timesteps; ++i) beta[i] = 1.0 / static_cast<double>(c.timesteps - i);
  return beta;
}

// Linear from beta_start to beta_end over the first `share` of the steps, then beta_end.
static Table warm_up(const DiffusionConfig& c, double share) {
  Table beta(c.timesteps, c.beta_end);
  const Table ramp = linspace(c.beta_start, c.beta_end, static_cast<int64_t>(c.timesteps * share));
  std::copy(ramp.begin(), ramp.end(), beta.begin());
  return beta;
}

// β along a sigmoid between beta_start and beta_end, as used for molecules [Xu22].
static Table sigmoid_beta(const DiffusionConfig& c) {
  Table beta = linspace(-6, 6, c.timesteps);
  for (double& b : beta) b = sigmoid(b) * (c.beta_end - c.beta_start) + c.beta_start;
  return beta;
}

// ᾱ along a sigmoid from time −3 to 3, temperature 1.  [Jabri22] app. B
static Table sigmoid_jabri(const DiffusionConfig& c) {
  return from_alpha_bar(c.timesteps, [](double time) {
    return (sigmoid(3) - sigmoid(6 * time - 3)) / (sigmoid(3) - sigmoid(-3));
  });
}

static Table given(const DiffusionConfig& c) {
  if (static_cast<int64_t>(c.betas.size()) != c.timesteps)
    throw Error("/diffusion/betas: expected as many values as ", "/diffusion/timesteps, ",
                c.timesteps, ", got ", c.betas.size());
  return c.betas;
}

static Table build(const DiffusionConfig& c) {
  switch (c.schedule) {
    case ScheduleKind::kLinear:
      return linspace(c.beta_start, c.beta_end, c.timesteps);
    case ScheduleKind::kQuadratic:
      return quadratic(c);
    case ScheduleKind::kConstant:
      return Table(c.timesteps, c.beta_end);
    case ScheduleKind::kCosine:
      return cosine(c);
    case ScheduleKind::kJsd:
      return jsd(c);
    case ScheduleKind::kWarmup10:
      return warm_up(c, 0.1);
    case ScheduleKind::kWarmup50:
      return warm_up(c, 0.5);
    case ScheduleKind::kSigmoid:
      return sigmoid_beta(c);
    case ScheduleKind::kSigmoidJabri:
      return sigmoid_jabri(c);
    case ScheduleKind::kBetas:
      return given(c);
  }
  return {};
}

// Shifts and scales √ᾱ so that it keeps its first value and ends at 0.  [Lin23] Algorithm 1
static Table rescale_to_zero_terminal_snr(const Table& beta) {
  Table root(beta.size());
  double alpha_bar = 1;
  for (size_t i = 0; i < beta.size(); ++i) root[i] = std::sqrt(alpha_bar *= 1 - beta[i]);
  const double first = root.front(), last = root.back();
  Table rescaled(beta.size());
  double previous = 1;
  for (size_t i = 0; i < beta.size(); ++i) {
    const double now = std::pow((root[i] - last) * first / (first - last), 2);
    rescaled[i] = 1 - now / previous;
    previous = now;
  }
  return rescaled;
}

// `where` begins the message: the setting that gave these values.
static void require_valid(const Table& beta, const std::string& where) {
  if (beta.empty()) throw Error(where, ": expected at least 1 step, got none");
  for (size_t i = 0; i < beta.size(); ++i)
    if (!(beta[i] > 0 && beta[i] <= 1))
      throw Error(where, ": beta of step ", i, " is ", beta[i], "; expected a number in (0, 1]");
}

NoiseSchedule NoiseSchedule::make(const DiffusionConfig& config) {
  if (!config.is_chain())
    throw Error("/diffusion/process: \"", config.process, "\" has continuous time and no ",
                "schedule; use ddpm");
  if (config.timesteps < 1)
    throw Error("/diffusion/timesteps: expected at least 1, got ", config.timesteps);
  Table beta = build(config);
  require_valid(beta, config.schedule == ScheduleKind::kBetas
                          ? "/diffusion/betas"
                          : concat("/diffusion/schedule: ", config.schedule, " from beta_start ",
                                   config.beta_start, " to beta_end ", config.beta_end));
  if (config.rescale_zero_terminal_snr) {
    if (config.timesteps < 2)
      throw Error("/diffusion/rescale_zero_terminal_snr: needs /diffusion/timesteps of 2 or more");
    beta = rescale_to_zero_terminal_snr(beta);
  }
  return NoiseSchedule(at::tensor(beta, at::kDouble));
}

NoiseSchedule::NoiseSchedule(const at::Tensor& beta) {
  TORCH_CHECK(beta.dim() == 1, "beta must be [T], got ", beta.sizes());
  beta_ = beta.to(at::kCPU, at::kDouble).contiguous().clone();
  const int64_t steps = timesteps();
  const double* b = beta_.const_data_ptr<double>();
  require_valid(Table(b, b + steps), "beta");

  Table alpha_bar(steps), alpha_bar_prev(steps), one_minus(steps), one_minus_prev(steps);
  double kept = 1, added = 0;
  for (int64_t i = 0; i < steps; ++i) {
    alpha_bar_prev[i] = kept;
    one_minus_prev[i] = added;
    kept *= 1 - b[i];
    added = b[i] + (1 - b[i]) * added;  // 1 − ᾱ without cancellation
    alpha_bar[i] = kept;
    one_minus[i] = added;
  }
  const auto tensor = [](const Table& table) { return at::tensor(table, at::kDouble); };
  alpha_ = 1 - beta_;
  alpha_bar_ = tensor(alpha_bar);
  alpha_bar_prev_ = tensor(alpha_bar_prev);
  one_minus_alpha_bar_ = tensor(one_minus);
  const at::Tensor share = tensor(one_minus_prev) / one_minus_alpha_bar_;  // (1−ᾱ_{t−1}) / (1−ᾱ_t)
  posterior_variance_ = share * beta_;
  coef_x0_ = alpha_bar_prev_.sqrt() * beta_ / one_minus_alpha_bar_;
  coef_xt_ = alpha_.sqrt() * share;
  // A schedule of one step has no row 1; its β is used instead.
  posterior_log_variance_ = posterior_variance_.clone();
  posterior_log_variance_[0] = steps > 1 ? posterior_variance_[1] : beta_[0];
  posterior_log_variance_.log_();
}

at::Tensor NoiseSchedule::snr() const { return alpha_bar_ / one_minus_alpha_bar_; }

bool NoiseSchedule::zero_terminal_snr() const { return alpha_bar_[-1].item<double>() == 0; }

double NoiseSchedule::prior_bits_per_dim(double mean_square_x0) const {
  const double alpha_bar = alpha_bar_[-1].item<double>();
  // ½ (ᾱ x_0² + (1 − ᾱ) − 1 − log(1 − ᾱ)); log1p, as ᾱ is small
  return 0.5 * (alpha_bar * mean_square_x0 - alpha_bar - std::log1p(-alpha_bar)) /
         std::numbers::ln2;
}

}  // namespace diffuse
