// The post's equations 1 to 9 as identities between the program's functions, at random points.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "src/diffusion/likelihood.h"
#include "verify_checks.h"

namespace diffuse {

namespace {

// One sample of five dimensions per timestep.
struct Points {
  explicit Points(const Verifier& v)
      : diffusion(v.linear()),
        x0(v.normal(1000, 5, 0)),
        eps(v.normal(1000, 5, 1)),
        other(v.normal(1000, 5, 2)),
        x_t(diffusion.q_sample(x0, t, eps)) {}

  const NoiseSchedule& schedule() const { return diffusion.schedule(); }

  at::Tensor t = at::arange(1000, at::kLong);
  GaussianDiffusion diffusion;
  at::Tensor x0, eps, other, x_t;
};

// All rows except the first, whose posterior has variance 0.
at::Tensor later(const at::Tensor& x) { return x.slice(0, 1); }

at::Tensor log_normal(const at::Tensor& x, const at::Tensor& mean, const at::Tensor& variance) {
  return gaussian_log_density(x, mean, variance.log());
}

// Eq. 1: q(x_t | x_{t-1}) = q(x_{t-1} | x_t, x_0) q(x_t | x_0) / q(x_{t-1} | x_0)
void bayes(Verifier& v, const Points& p) {
  const NoiseSchedule& s = p.schedule();
  const at::Tensor x_prev = later(p.other), x_t = later(p.x_t), x0 = later(p.x0);
  const at::Tensor beta = later(column(s.beta())), alpha_bar = later(column(s.alpha_bar()));
  const at::Tensor prev = later(column(s.alpha_bar_prev()));
  const Gaussian q = v.posterior(p.diffusion, x0, x_t, later(p.t));
  v.same("eq1_bayes",
         log_normal(x_prev, q.mean, q.variance) +
             log_normal(x_t, alpha_bar.sqrt() * x0, 1 - alpha_bar) -
             log_normal(x_prev, prev.sqrt() * x0, 1 - prev),
         log_normal(x_t, (1 - beta).sqrt() * x_prev, beta), 1e-9);
}

// Eq. 3 and 6 against eq. 8, and properties of eq. 3.
void means(Verifier& v, const Points& p) {
  const NoiseSchedule& s = p.schedule();
  const at::Tensor beta = column(s.beta()), rest = column(s.one_minus_alpha_bar());
  const at::Tensor signal = s.coef_x0() * v.faults().coef_x0 + s.coef_xt() * s.alpha_bar().sqrt();
  v.same("eq3_keeps_the_signal", signal, s.alpha_bar_prev().sqrt(), 1e-13);
  v.near("eq3_first_step_is_exact",
         v.posterior(p.diffusion, p.x0, p.x_t, p.t).variance[0].item<double>(), 0, 0);
  const auto exact = p.diffusion.predict(p.eps, p.x_t, p.t, false);
  v.same("eq6_inverts_eq5", exact.x0, p.x0, 1e-10);
  const auto guess = p.diffusion.predict(p.other, p.x_t, p.t, false);
  const at::Tensor eq8 = (p.x_t - beta / rest.sqrt() * p.other) / (1 - beta).sqrt();
  v.same("eq3_of_eq6_is_eq8", v.posterior(p.diffusion, guess.x0, p.x_t, p.t).mean, eq8, 1e-12);
  v.same("predicted_mean_is_eq8", guess.mean, eq8, 1e-12);
}

// KL = eq. 4 + C = eq. 9 + C with C = ½ (log(σ²/β̃) − 1 + β̃/σ²), for t >= 1.
void divergences(Verifier& v, const Points& p) {
  for (const bool large : {true, false}) {
    const std::string suffix = large ? "_beta" : "_posterior";
    DiffusionConfig config = v.linear();
    config.variance = large ? VarianceKind::kFixedLarge : VarianceKind::kFixedSmall;
    const GaussianDiffusion diffusion(config);
    const NoiseSchedule& s = diffusion.schedule();
    const at::Tensor variance = large ? s.beta() : s.posterior_variance();
    const auto guess = diffusion.predict(p.other, p.x_t, p.t, false);
    const Gaussian q = v.posterior(diffusion, p.x0, p.x_t, p.t);
    const at::Tensor kl = normal_kl(q.mean, q.log_variance, guess.mean, guess.log_variance);
    const at::Tensor ratio = column(s.posterior_variance() / variance);
    const at::Tensor constant = 0.5 * (ratio - 1 - ratio.log());
    const at::Tensor eq4 = (q.mean - guess.mean).square() / (2 * column(variance));
    const at::Tensor eq9 = column(v.bound_weight(s, variance)) * (p.eps - p.other).square();
    v.same("eq4_is_the_kl" + suffix, later(eq4 + constant), later(kl), 1e-9);
    v.same("eq9_is_the_kl" + suffix, later(eq9 + constant), later(kl), 1e-8);
  }
}

// A sample of q(x_t | x_{t-1}).
at::Tensor step(const GaussianDiffusion& diffusion, const at::Tensor& x, int64_t t,
                const at::Tensor& eps) {
  const auto time = static_cast<double>(t);
  const Process& process = diffusion.process();
  return diffusion.q_step(x, process.level(time - 1), process.level(time), eps);
}

// Paths x_0 .. x_T of the one-step chain: [T + 1, paths].
at::Tensor chain(const Verifier& v, const GaussianDiffusion& diffusion, const at::Tensor& x0,
                 uint64_t index) {
  const int64_t steps = diffusion.schedule().timesteps();
  const at::Tensor noise = v.normal(steps, x0.size(0), index) * v.faults().noise;
  std::vector<at::Tensor> states{x0};
  for (int64_t t = 0; t < steps; ++t) states.push_back(step(diffusion, states.back(), t, noise[t]));
  return at::stack(states);
}

// The one-step chain against eq. 5, exactly: the responses to 1 in x_0 (row 0) and in each step's noise (the
// other rows) give the mean and the variance.
void chain_responses(Verifier& v) {
  const GaussianDiffusion diffusion(v.linear(200, 1e-4, 0.05));
  const NoiseSchedule& s = diffusion.schedule();
  at::Tensor x = at::zeros({201, 1}, at::kDouble);
  x[0] = 1;
  std::vector<double> means, variances;
  for (int64_t t = 0; t < 200; ++t) {
    at::Tensor eps = at::zeros_like(x);
    eps[t + 1] = v.faults().noise;
    x = step(diffusion, x, t, eps);
    means.push_back(x[0].item<double>());
    variances.push_back(x.slice(0, 1).square().sum().item<double>());
  }
  v.same("chain_mean_is_eq5", at::tensor(means, at::kDouble), s.alpha_bar().sqrt(), 1e-13);
  v.same("chain_variance_is_eq5", at::tensor(variances, at::kDouble), s.one_minus_alpha_bar(),
         1e-13);
}

// The same on 20,000 sampled paths, in standard errors of mean and variance.
void chain_moments(Verifier& v) {
  const GaussianDiffusion diffusion(v.linear(200, 1e-4, 0.05));
  const NoiseSchedule& s = diffusion.schedule();
  constexpr int64_t kPaths = 20'000;
  const at::Tensor x = chain(v, diffusion, at::full({kPaths}, 1.5, at::kDouble), 10).slice(0, 1);
  const at::Tensor& rest = s.one_minus_alpha_bar();
  const at::Tensor off_mean =
      (x.mean(1) - 1.5 * s.alpha_bar().sqrt()) / (rest / double{kPaths}).sqrt();
  const at::Tensor off_variance = (x.var(1) / rest - 1) / std::sqrt(2.0 / kPaths);
  for (const int64_t t : {0, 9, 49, 99, 199}) {
    const std::string suffix = "_t" + std::to_string(t) + "_sigmas";
    v.near("chain_sampled_mean" + suffix, off_mean[t].item<double>(), 0, 5);
    v.near("chain_sampled_variance" + suffix, off_variance[t].item<double>(), 0, 5);
  }
}

// N paths of the 1000-step chain from data N(0, 1), as [T, N].
struct Paths {
  explicit Paths(const Verifier& v, int64_t count)
      : diffusion(v.linear()), states(chain(v, diffusion, v.normal(1, count, 20)[0], 21)) {}

  GaussianDiffusion diffusion;
  at::Tensor states;  // [T + 1, N]
  at::Tensor t = at::arange(1000, at::kLong);
  at::Tensor x_t = states.slice(0, 1), x_prev = states.slice(0, 0, 1000);
  at::Tensor x0 = states[0].unsqueeze(0).expand_as(x_t);
  at::Tensor beta = column(diffusion.schedule().beta());
  at::Tensor log_forward = log_normal(x_t, (1 - beta).sqrt() * x_prev, beta);
};

// Eq. 2 for each path: Σ log q(x_t | x_{t−1}) = log q(x_T | x_0) + Σ_{t>1} log q(x_{t−1} | x_t, x_0)
void telescoping(Verifier& v, const Paths& p) {
  const NoiseSchedule& s = p.diffusion.schedule();
  const Gaussian q = v.posterior(p.diffusion, p.x0, p.x_t, p.t);
  const at::Tensor last =
      log_normal(p.x_t[999], s.alpha_bar()[999].sqrt() * p.x0[0], s.one_minus_alpha_bar()[999]);
  v.same("eq2_telescopes",
         last + log_normal(later(p.x_prev), later(q.mean), later(q.variance)).sum(0),
         p.log_forward.sum(0), 1e-9);
}

// The first form of the bound, from sampled paths, against L_T + Σ L_{t−1} + L_0 in closed form; and each
// L_{t−1} in closed form spreads less than its estimate from one sample of x_{t−1}.
void closed_form(Verifier& v, const Paths& p) {
  const auto model = p.diffusion.predict(v.oracle(p.diffusion, 1)(p.x_t, p.t), p.x_t, p.t, false);
  const at::Tensor log_p = gaussian_log_density(p.x_prev, model.mean, model.log_variance);
  const at::Tensor prior =
      gaussian_log_density(p.x_t[999], at::zeros({}, at::kDouble), at::zeros({}, at::kDouble));
  const at::Tensor drawn = ((p.log_forward - log_p).sum(0) - prior) / std::numbers::ln2;
  const Gaussian q = v.posterior(p.diffusion, p.x0, p.x_t, p.t);
  const at::Tensor kl = normal_kl(q.mean, q.log_variance, model.mean, model.log_variance);
  const NoiseSchedule& s = p.diffusion.schedule();
  const at::Tensor closed =
      (later(kl).sum(0) - log_p[0]) / std::numbers::ln2 + prior_term(s, p.states[0].unsqueeze(1));
  const Gaussian posterior = p.diffusion.posterior(p.x0, p.x_t, p.t);
  const at::Tensor bound = bound_term(posterior, model, p.x0, p.t, SampleKind::kPoint).sum() +
                           prior_term(s, p.states[0].unsqueeze(0))[0];
  v.near("bound_terms_add_up", closed.mean().item<double>(), bound.item<double>(), 1e-9);
  const at::Tensor difference = drawn - closed;  // per path
  const auto count = static_cast<double>(difference.numel());
  v.near("bound_drawn_is_closed_form_sigmas",
         (difference.mean() / difference.std()).item<double>() * std::sqrt(count), 0, 5);
  const at::Tensor drawn_kl = gaussian_log_density(p.x_prev, q.mean, q.log_variance) - log_p;
  v.near("bound_largest_spread_of_kl_by_draw",
         later(kl.std(1) / drawn_kl.std(1)).max().item<double>(), 0, 1);
}

}  // namespace

void verify_identities(Verifier& verifier) {
  if (verifier.wants("identities")) {
    const Points points(verifier);
    bayes(verifier, points);
    means(verifier, points);
    divergences(verifier, points);
  }
  if (verifier.wants("chain")) {
    chain_responses(verifier);
    chain_moments(verifier);
  }
  if (verifier.wants("paths")) {
    const Paths paths(verifier, 1000);
    telescoping(verifier, paths);
    closed_form(verifier, paths);
  }
}

}  // namespace diffuse
