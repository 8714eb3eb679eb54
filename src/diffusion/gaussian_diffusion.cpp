#include "diffuse/diffusion/gaussian_diffusion.h"

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "at_time.h"
#include "diffuse/core/error.h"
#include "diffuse/diffusion/loss_weight.h"
#include "prediction.h"

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
      predicts_eps_(config.prediction == "epsilon"),
      variance_(parse<Variance>(config.variance, "/diffusion/variance",
                                {"fixed_large", "fixed_small", "learned", "learned_range"})),
      loss_(parse<Loss>(config.loss, "/diffusion/loss",
                        {"simple", "vlb_weighted", "min_snr", "mse", "vlb", "hybrid"})),
      hybrid_lambda_(config.hybrid_lambda),
      min_snr_gamma_(config.min_snr_gamma) {
  const PredictionTable table = prediction_table(config.prediction, schedule_);
  p_ = table.p;
  q_ = table.q;
  derive_tables();
}

// All but p and q, from the schedule.
void GaussianDiffusion::derive_tables() {
  const NoiseSchedule& s = schedule_;
  a_ = s.alpha_bar().sqrt();
  s_ = s.one_minus_alpha_bar().sqrt();
  d_ = q_ * a_ - s_ * p_;
  coef_x0_ = s.coef_x0();
  coef_xt_ = s.coef_xt();
  posterior_variance_ = s.posterior_variance();
  posterior_log_variance_ = s.posterior_log_variance_clipped();
  log_beta_ = s.beta().log();
  const bool large = variance_ == Variance::kFixedLarge;
  fixed_variance_ = large ? s.beta() : posterior_variance_;
  fixed_log_variance_ = (large ? log_beta_ : posterior_log_variance_).clone();
  fixed_log_variance_[0] = posterior_log_variance_[0];

  to_eps_ = predicts_eps_ ? at::ones_like(a_) : a_ / d_;
  at::Tensor weight = at::ones_like(a_);
  if (loss_ == Loss::kVlbWeighted) weight = bound_weight(s, fixed_log_variance_.exp());
  if (loss_ == Loss::kMinSnr) weight = min_snr_weight(s, min_snr_gamma_);
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
  chain.to(at::kCPU);
  chain.schedule_ = NoiseSchedule(beta);
  const at::Tensor visited = at::tensor(rising, at::kLong);
  chain.p_ = chain.p_.index_select(0, visited);
  chain.q_ = chain.q_.index_select(0, visited);
  chain.derive_tables();
  chain.to(a_.device());
  return chain;
}

void GaussianDiffusion::to(at::Device device) {
  for (at::Tensor* table : {&a_, &s_, &p_, &q_, &d_, &coef_x0_, &coef_xt_, &posterior_variance_,
                            &posterior_log_variance_, &fixed_variance_, &fixed_log_variance_,
                            &log_beta_, &to_eps_, &loss_scale_})
    *table = table->to(device);
}

at::Tensor GaussianDiffusion::q_step(const at::Tensor& x_prev, const at::Tensor& t,
                                     const at::Tensor& eps) const {
  return at_time(schedule_.alpha().sqrt(), t, x_prev) * x_prev +
         at_time(schedule_.beta().sqrt(), t, x_prev) * eps;
}

at::Tensor GaussianDiffusion::q_sample(const at::Tensor& x0, const at::Tensor& t,
                                       const at::Tensor& eps) const {
  return at_time(a_, t, x0) * x0 + at_time(s_, t, x0) * eps;
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

void GaussianDiffusion::replace_x0(Prediction& p, const at::Tensor& x0, const at::Tensor& x_t,
                                   const at::Tensor& t) const {
  p.x0 = x0;
  p.eps = (x_t - at_time(a_, t, x_t) * x0) / at_time(s_, t, x_t);
  p.mean = posterior(x0, x_t, t).mean;
}

GaussianDiffusion::Prediction GaussianDiffusion::predict(const at::Tensor& output,
                                                         const at::Tensor& x_t, const at::Tensor& t,
                                                         bool clip_x0) const {
  const auto table = [&](const at::Tensor& values) { return at_time(values, t, x_t); };
  const auto [y, raw_variance] = split(output, x_t);
  const at::Tensor d = table(d_);
  const at::Tensor x0 = (table(q_) * x_t - table(s_) * y) / d;  // of epsilon eq. 6
  Prediction p;
  replace_x0(p, clip_x0 ? x0.clamp(-1, 1) : x0, x_t, t);
  if (!clip_x0) p.eps = predicts_eps_ ? y : (table(a_) * y - table(p_) * x_t) / d;
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

// (scale · (p x_0 + q ε − y))² averaged over dimensions: [B]. Scaling before squaring keeps large weights
// of small errors in range.
at::Tensor GaussianDiffusion::squared_error(const at::Tensor& y, const at::Tensor& x0,
                                            const at::Tensor& t, const at::Tensor& eps,
                                            const at::Tensor& scale) const {
  const at::Tensor target = at_time(p_, t, x0) * x0 + at_time(q_, t, x0) * eps;
  return (at_time(scale, t, x0) * (target - y)).square().flatten(1).mean(1);
}

at::Tensor GaussianDiffusion::loss(const Denoiser& denoiser, const at::Tensor& x0,
                                   const at::Tensor& t, const at::Tensor& eps) const {
  const at::Tensor x_t = q_sample(x0, t, eps);
  const at::Tensor output = denoiser(x_t, t);
  const auto whole_bound = [&](const at::Tensor& from) {
    return static_cast<double>(schedule_.timesteps()) *
           bound_term(posterior(x0, x_t, t), predict(from, x_t, t, false), x0, t);
  };
  if (loss_ == Loss::kVlb) return whole_bound(output);
  const auto [y, raw_variance] = split(output, x_t);
  const at::Tensor error = squared_error(y, x0, t, eps, loss_scale_);
  if (loss_ != Loss::kHybrid) return error;
  return error + hybrid_lambda_ * whole_bound(at::cat({y.detach(), raw_variance}, 1));
}

at::Tensor GaussianDiffusion::epsilon_loss(const Denoiser& denoiser, const at::Tensor& x0,
                                           const at::Tensor& t, const at::Tensor& eps) const {
  const at::Tensor x_t = q_sample(x0, t, eps);
  return squared_error(split(denoiser(x_t, t), x_t).first, x0, t, eps, to_eps_);
}

at::Tensor GaussianDiffusion::vb_term(const Denoiser& denoiser, const at::Tensor& x0,
                                      const at::Tensor& t, const at::Tensor& eps,
                                      bool clip_x0) const {
  const at::Tensor x_t = q_sample(x0, t, eps);
  return bound_term(posterior(x0, x_t, t), predict(denoiser(x_t, t), x_t, t, clip_x0), x0, t);
}

}  // namespace diffuse
