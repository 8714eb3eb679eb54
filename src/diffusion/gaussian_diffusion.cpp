#include "diffuse/diffusion/gaussian_diffusion.h"

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "at_time.h"
#include "diffuse/core/error.h"

namespace diffuse {

// The position of `name` in `names`, as the enum with those values in that order.
template <class Enum>
static Enum parse(const std::string& name, const char* path,
                  const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<Enum>(i);
  throw Error(path, ": \"", name, "\" is none of ", join(names), did_you_mean(name, names));
}

void check_last_step(const DiffusionConfig& config, const NoiseSchedule& schedule) {
  if (config.prediction == "epsilon" && schedule.zero_terminal_snr())
    throw Error("/diffusion/prediction: \"epsilon\" cannot give x_0 where no signal is left, and ",
                "this schedule ends with alpha_bar = 0 at timestep ", schedule.timesteps() - 1,
                "; want v or x0, another /diffusion/schedule, or to sample from a lower timestep: ",
                "--spacing leading and fewer --steps");
}

void check_trainable(const DiffusionConfig& config) {
  const bool bound_in_loss = config.loss == "vlb" || config.loss == "hybrid";
  if (config.learns_variance() && !bound_in_loss)
    throw Error("/diffusion/loss: \"", config.loss, "\" does not train the variance that ",
                "/diffusion/variance \"", config.variance, "\" asks for; want hybrid or vlb");
  if (!config.learns_variance() && config.loss == "hybrid")
    throw Error("/diffusion/loss: \"hybrid\" only adds the variance's training to simple; ",
                "/diffusion/variance \"", config.variance, "\" is fixed: want simple or vlb");
  const NoiseSchedule schedule = NoiseSchedule::make(config);
  check_last_step(config, schedule);
  if (schedule.zero_terminal_snr() && config.loss != "mse" && config.loss != "vlb")
    throw Error("/diffusion/loss: \"", config.loss, "\" measures the error in epsilon, which does ",
                "not train the last step of a schedule that ends with alpha_bar = 0; want mse or ",
                "vlb");
}

GaussianDiffusion::GaussianDiffusion(const DiffusionConfig& config)
    : schedule_(NoiseSchedule::make(config)),
      quantity_(parse<Quantity>(config.prediction, "/diffusion/prediction",
                                {"epsilon", "x0", "v", "mu"})),
      variance_(parse<Variance>(config.variance, "/diffusion/variance",
                                {"fixed_large", "fixed_small", "learned", "learned_range"})),
      loss_(parse<Loss>(config.loss, "/diffusion/loss",
                        {"simple", "vlb_weighted", "min_snr", "mse", "vlb", "hybrid"})),
      hybrid_lambda_(config.hybrid_lambda),
      min_snr_gamma_(config.min_snr_gamma) {
  derive_tables();
}

void GaussianDiffusion::derive_tables() {
  const NoiseSchedule& s = schedule_;
  sqrt_alpha_bar_ = s.alpha_bar().sqrt();
  sqrt_one_minus_alpha_bar_ = s.one_minus_alpha_bar().sqrt();
  coef_x0_ = s.coef_x0();
  coef_xt_ = s.coef_xt();
  mu_coef_x0_ = coef_x0_;
  mu_coef_xt_ = coef_xt_;
  posterior_variance_ = s.posterior_variance();
  posterior_log_variance_ = s.posterior_log_variance_clipped();
  log_beta_ = s.beta().log();
  const bool large = variance_ == Variance::kFixedLarge;
  fixed_variance_ = large ? s.beta() : posterior_variance_;
  fixed_log_variance_ = (large ? log_beta_ : posterior_log_variance_).clone();
  fixed_log_variance_[0] = posterior_log_variance_[0];

  switch (quantity_) {
    case Quantity::kEpsilon:
      to_eps_ = at::ones_like(s.beta());
      break;
    case Quantity::kX0:
      to_eps_ = s.snr().sqrt();
      break;
    case Quantity::kV:
      to_eps_ = sqrt_alpha_bar_;
      break;
    case Quantity::kMu:  // eq. 8
      to_eps_ = s.alpha().sqrt() * sqrt_one_minus_alpha_bar_ / s.beta();
      break;
  }
  at::Tensor weight = at::ones_like(s.beta());
  if (loss_ == Loss::kVlbWeighted) weight = s.eps_weight(fixed_log_variance_.exp());
  if (loss_ == Loss::kMinSnr) weight = s.snr().clamp_max(min_snr_gamma_) / s.snr();
  loss_scale_ = loss_ == Loss::kMse ? weight : to_eps_ * weight.sqrt();
}

GaussianDiffusion GaussianDiffusion::respaced(const std::vector<int64_t>& timesteps) const {
  TORCH_CHECK(!timesteps.empty(), "no timesteps");
  std::vector<int64_t> rising(timesteps.rbegin(), timesteps.rend());
  for (size_t i = 0; i < rising.size(); ++i)
    TORCH_CHECK(rising[i] < schedule_.timesteps() && rising[i] > (i == 0 ? -1 : rising[i - 1]),
                "timesteps must fall within 0 .. ", schedule_.timesteps() - 1, ", got ", timesteps);
  // Products of α between the visited timesteps: ratios of ᾱ would cost digits, and fail at ᾱ = 0.
  at::Tensor beta = at::empty({static_cast<int64_t>(rising.size())}, at::kDouble);
  int64_t begin = 0;
  for (size_t i = 0; i < rising.size(); ++i) {
    const at::Tensor kept = schedule_.alpha().slice(0, begin, rising[i] + 1).prod();
    beta[static_cast<int64_t>(i)] = begin == rising[i] ? schedule_.beta()[begin] : 1 - kept;
    begin = rising[i] + 1;
  }
  GaussianDiffusion chain = *this;
  chain.schedule_ = NoiseSchedule(beta);
  chain.derive_tables();
  const at::Tensor visited = at::tensor(rising, at::kLong).to(mu_coef_x0_.device());
  chain.mu_coef_x0_ = mu_coef_x0_.index_select(0, visited);
  chain.mu_coef_xt_ = mu_coef_xt_.index_select(0, visited);
  chain.to(sqrt_alpha_bar_.device());
  return chain;
}

void GaussianDiffusion::to(at::Device device) {
  for (at::Tensor* table :
       {&sqrt_alpha_bar_, &sqrt_one_minus_alpha_bar_, &coef_x0_, &coef_xt_, &mu_coef_x0_,
        &mu_coef_xt_, &posterior_variance_, &posterior_log_variance_, &fixed_variance_,
        &fixed_log_variance_, &log_beta_, &to_eps_, &loss_scale_})
    *table = table->to(device);
}

at::Tensor GaussianDiffusion::q_step(const at::Tensor& x_prev, const at::Tensor& t,
                                     const at::Tensor& eps) const {
  return at_time(schedule_.alpha().sqrt(), t, x_prev) * x_prev +
         at_time(schedule_.beta().sqrt(), t, x_prev) * eps;
}

at::Tensor GaussianDiffusion::q_sample(const at::Tensor& x0, const at::Tensor& t,
                                       const at::Tensor& eps) const {
  return at_time(sqrt_alpha_bar_, t, x0) * x0 + at_time(sqrt_one_minus_alpha_bar_, t, x0) * eps;
}

Gaussian GaussianDiffusion::posterior(const at::Tensor& x0, const at::Tensor& x_t,
                                      const at::Tensor& t) const {
  return {.mean = at_time(coef_x0_, t, x_t) * x0 + at_time(coef_xt_, t, x_t) * x_t,
          .variance = at_time(posterior_variance_, t, x_t),
          .log_variance = at_time(posterior_log_variance_, t, x_t)};
}

// The network's output as (quantity, variance channels); the second is undefined if σ² is fixed.
std::pair<at::Tensor, at::Tensor> GaussianDiffusion::split(const at::Tensor& output,
                                                           const at::Tensor& x_t) const {
  const int64_t channels = x_t.size(1);
  TORCH_CHECK(output.size(1) == (learns_variance() ? 2 * channels : channels), "network output ",
              output.sizes(), " does not fit x_t ", x_t.sizes(),
              learns_variance() ? " with a learned variance" : "");
  if (!learns_variance()) return {output, at::Tensor()};
  return {output.narrow(1, 0, channels), output.narrow(1, channels, channels)};
}

at::Tensor GaussianDiffusion::predicted_x0(const at::Tensor& raw, const at::Tensor& x_t,
                                           const at::Tensor& t) const {
  const auto table = [&](const at::Tensor& values) { return at_time(values, t, x_t); };
  switch (quantity_) {
    case Quantity::kEpsilon:  // eq. 6
      return (x_t - table(sqrt_one_minus_alpha_bar_) * raw) / table(sqrt_alpha_bar_);
    case Quantity::kX0:
      return raw;
    case Quantity::kV:  // v = √ᾱ ε − √(1 − ᾱ) x_0                               [Salimans22] app. D
      return table(sqrt_alpha_bar_) * x_t - table(sqrt_one_minus_alpha_bar_) * raw;
    case Quantity::kMu:
      return (raw - table(mu_coef_xt_) * x_t) / table(mu_coef_x0_);
  }
  TORCH_CHECK(false, "unreachable");
}

void GaussianDiffusion::replace_x0(Prediction& p, const at::Tensor& x0, const at::Tensor& x_t,
                                   const at::Tensor& t) const {
  p.x0 = x0;
  p.eps =
      (x_t - at_time(sqrt_alpha_bar_, t, x_t) * x0) / at_time(sqrt_one_minus_alpha_bar_, t, x_t);
  p.mean = posterior(x0, x_t, t).mean;
}

GaussianDiffusion::Prediction GaussianDiffusion::predict(const at::Tensor& output,
                                                         const at::Tensor& x_t, const at::Tensor& t,
                                                         bool clip_x0) const {
  const auto table = [&](const at::Tensor& values) { return at_time(values, t, x_t); };
  const auto [raw, raw_variance] = split(output, x_t);
  Prediction p;
  const at::Tensor x0 = predicted_x0(raw, x_t, t);
  replace_x0(p, clip_x0 ? x0.clamp(-1, 1) : x0, x_t, t);
  if (quantity_ == Quantity::kEpsilon && !clip_x0) p.eps = raw;
  if (!learns_variance()) {
    p.variance = table(fixed_variance_);
    p.log_variance = table(fixed_log_variance_);
    return p;
  }
  p.log_variance = raw_variance;
  if (variance_ == Variance::kLearnedRange) {  // between β̃ and β, in logarithms  [Nichol21] eq. 15
    const at::Tensor share = (raw_variance + 1) / 2;
    p.log_variance = share * table(log_beta_) + (1 - share) * table(posterior_log_variance_);
  }
  p.variance = p.log_variance.exp();
  return p;
}

}  // namespace diffuse
