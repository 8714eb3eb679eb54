#include "diffuse/sample/sampler.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "diffuse/core/error.h"
#include "diffuse/sample/timesteps.h"
#include "src/sample/level_sampler.h"

namespace diffuse {

namespace {

class AncestralSampler : public LevelSampler {
  using LevelSampler::LevelSampler;

  at::Tensor advance(const at::Tensor& x, const Denoised& d, const Level& from,
                     int64_t i) override {
    const auto repeated = [&](const Level& one) { return repeat(one, x.size(0), x.device()); };
    const Gaussian p = diffusion().reverse(d, x, repeated(from), repeated(level(i + 1)));
    return is_last(i) ? p.mean : p.mean + p.variance.sqrt() * noise(i);
  }
};

class DdimSampler : public LevelSampler {
  using LevelSampler::LevelSampler;

  at::Tensor advance(const at::Tensor&, const Denoised& d, const Level& from, int64_t i) override {
    return jump(d.x0, d.eps, from, i, noise_share());
  }
};

// With λ = log(a / s) and steps h, h_last in it, D = x_0 + h/(2 h_last) (x_0 − x_0,last) is
// x_0 at the middle of the step to second order. The first step has no previous one, and for the step to
// the data h is infinite: they use x_0 itself.
class DpmSolver : public LevelSampler {
  using LevelSampler::LevelSampler;

  at::Tensor advance(const at::Tensor&, const Denoised& d, const Level& from, int64_t i) override {
    at::Tensor x0 = d.x0, eps = d.eps;
    if (last_ >= 0 && last_ == i - 1 && !is_last(i)) {
      const double ratio = (lambda(i + 1) - lambda(i)) / (2 * (lambda(i) - lambda(last_)));
      const at::Tensor change = (d.x0 - last_x0_) * ratio;
      x0 = d.x0 + change;
      eps = d.eps - change * (level(i).a / level(i).s);
    }
    last_x0_ = d.x0;
    last_ = i;
    return jump(x0, eps, from, i, noise_share());
  }

  double lambda(int64_t i) const { return std::log(level(i).a / level(i).s); }

  at::Tensor last_x0_;
  int64_t last_ = -1;
};

// With x_σ = x_t / a the denoiser is D(x_σ) = x_σ − σ ε and the flow dx_σ/dσ = ε. Euler's step is
// ddim's; the trapezoidal rule uses the mean of both ends' ε. There is no second ε at
// σ = 0, and no finite step from σ = ∞ (a = 0): Euler's step stays there. Of a process that is straight
// in time dx = x_0 da + ε ds, and the mean of both ends is used.
class HeunSampler : public LevelSampler {
  using LevelSampler::LevelSampler;

  // x + √(σ̂² − σ²) S_noise z at σ̂ = (1 + γ) σ, γ = min(S_churn / N, √2 − 1) for σ from S_tmin to
  // S_tmax                                                                [Karras22] Algorithm 2
  std::pair<at::Tensor, Level> start(const at::Tensor& x, int64_t i) override {
    const Level& at = level(i);
    const double sigma = at.sigma();
    const bool churns = options().churn > 0 && at.a > 0 && sigma >= options().churn_min &&
                        (options().churn_max == 0 || sigma <= options().churn_max);
    const double gamma =
        std::min(options().churn / static_cast<double>(count()), std::numbers::sqrt2 - 1);
    double more = sigma * (1 + gamma);
    const Process& process = diffusion().process();
    if (!process.unbounded())  // its last time has the most noise
      more = std::min(more, process.level(process.last_time_with_signal()).sigma());
    if (!churns || more <= sigma) return {x, at};
    const Level noisier = process.level(process.time_between(more));
    const double added = std::sqrt(more * more - sigma * sigma) * options().churn_noise;
    return {(x / at.a + noise(i) * added) * noisier.a, noisier};
  }

  at::Tensor advance(const at::Tensor&, const Denoised& d, const Level& from, int64_t i) override {
    const Level& to = level(i + 1);
    const at::Tensor euler = jump(d.x0, d.eps, from, i, 0);
    if (is_last(i)) return euler;
    if (diffusion().process().straight()) {
      const Denoised end = denoised(euler, to);
      return euler + (end.x0 - d.x0) * ((to.a - from.a) / 2) +
             (end.eps - d.eps) * ((to.s - from.s) / 2);
    }
    if (from.a == 0) return euler;
    const double step = to.a * (to.sigma() - from.sigma());  // of x_t, not x_σ
    return euler + (denoised(euler, to).eps - d.eps) * (step / 2);
  }
};

}  // namespace

static constexpr int64_t kContinuousSteps = 50;  // the default

// The first and last time, between which dopri5 chooses its steps. A last time without signal, from which no
// step in σ is possible, is followed by the one below.
static std::vector<double> ends_of(const Process& process) {
  std::vector<double> times{process.last_time()};
  if (process.level(times[0]).a == 0 && !process.straight())
    times.push_back(process.last_time_with_signal());
  if (process.first_time() < times.back()) times.push_back(process.first_time());
  return times;
}

// The timesteps of a config.
static std::vector<double> timesteps_of(const SampleConfig& config,
                                        const DiffusionConfig& diffusion) {
  if (config.sampler == SamplerKind::kDopri5 && config.steps == 0)
    return ends_of(*make_process(diffusion));
  if (!diffusion.is_chain()) {
    const auto process = make_process(diffusion);
    const Spacing usual =
        process->unbounded() ? Spacing::kKarras : entry_of(config.sampler).continuous_spacing;
    return spaced_timesteps(*process, config.steps == 0 ? kContinuousSteps : config.steps,
                            config.spacing == Spacing::kAuto ? usual : config.spacing);
  }
  const Spacing spacing =
      config.spacing == Spacing::kAuto ? entry_of(config.sampler).spacing : config.spacing;
  const int64_t T = diffusion.timesteps, steps = config.steps == 0 ? T : config.steps;
  const bool leading = spacing == Spacing::kLeading;
  const bool skips_zero =
      config.skip_zero && steps < T && (leading || spacing == Spacing::kUniform);
  auto list = spaced_timesteps(*make_process(diffusion), skips_zero ? steps + 1 : steps, spacing);
  if (skips_zero) list.pop_back();
  const auto room = static_cast<double>(T - 1) - list.front();
  const double offset = leading ? std::min(static_cast<double>(config.steps_offset), room) : 0;
  for (double& t : list) t += offset;
  return list;
}

SamplerOptions sampler_options(const SampleConfig& config, const DiffusionConfig& diffusion) {
  return sampler_options(config, diffusion, timesteps_of(config, diffusion));
}

SamplerOptions sampler_options(const SampleConfig& config, const DiffusionConfig& diffusion,
                               std::vector<double> timesteps) {
  SamplerOptions options{.sampler = config.sampler,
                         .timesteps = std::move(timesteps),
                         .eta = config.eta,
                         .clip_x0 = config.clip_x0,
                         .clip_range = config.clip_range,
                         .dynamic_threshold = config.dynamic_threshold,
                         .dynamic_threshold_max = config.dynamic_threshold_max,
                         .network_epsilon = config.ddim_epsilon == DdimEpsilon::kNetwork,
                         .end_at_data = config.end_at_data,
                         .tolerance = config.tolerance,
                         .unipc_order = config.unipc_order,
                         .corrector_steps = config.corrector_steps,
                         .snr = config.snr,
                         .churn = config.churn,
                         .churn_min = config.churn_min,
                         .churn_max = config.churn_max,
                         .churn_noise = config.churn_noise};
  check_sampler(options, diffusion);
  return options;
}

void check_sampler(const SamplerOptions& options, const DiffusionConfig& diffusion) {
  const auto process = make_process(diffusion);
  if (options.timesteps.front() == process->last_time()) check_last_step(diffusion, *process);
  if (!diffusion.is_chain()) {
    if (entry_of(options.sampler).of_chain)
      throw Error("--sampler ", options.sampler, ": needs a discrete chain, but this model's ",
                  "/diffusion/process ", diffusion.process,
                  " has continuous time; use ancestral, its counterpart, or heun");
    return;
  }
  const int64_t T = diffusion.timesteps;
  if (options.sampler == SamplerKind::kDdpm && diffusion.variance == VarianceKind::kLearned &&
      std::ssize(options.timesteps) < T)
    throw Error(
        "--sampler ddpm: this model's /diffusion/variance \"learned\" is for single steps; ",
        "use all ", T, ", or another sampler");
}

std::unique_ptr<Sampler> make_sampler(const GaussianDiffusion& diffusion, Denoiser denoiser,
                                      const SamplerOptions& options, NoiseSource noise) {
  switch (options.sampler) {
    case SamplerKind::kDdpm:
      return std::make_unique<AncestralSampler>(diffusion, denoiser, options, noise);
    case SamplerKind::kDpmpp2m:
    case SamplerKind::kDpmpp2mSde:
      return std::make_unique<DpmSolver>(diffusion, denoiser, options, noise);
    case SamplerKind::kHeun:
      return std::make_unique<HeunSampler>(diffusion, denoiser, options, noise);
    case SamplerKind::kDdim:
    case SamplerKind::kEuler:
    case SamplerKind::kAncestral:
      return std::make_unique<DdimSampler>(diffusion, denoiser, options, noise);
    case SamplerKind::kRk4:
      return make_rk4(diffusion, denoiser, options, noise);
    case SamplerKind::kDopri5:
      return make_dopri5(diffusion, denoiser, options, noise);
    case SamplerKind::kUnipc:
      return make_unipc(diffusion, denoiser, options, noise);
    case SamplerKind::kPc:
      return make_predictor_corrector(diffusion, denoiser, options, noise);
  }
  return nullptr;
}

at::Tensor run_sampler(const GaussianDiffusion& diffusion, const Denoiser& denoiser,
                       const at::Tensor& x_T, const SamplerOptions& options,
                       const NoiseSource& noise, const StepCallback& callback) {
  const auto sampler = make_sampler(diffusion, denoiser, options, noise);
  at::Tensor x = x_T;
  for (int64_t i = 0; i < static_cast<int64_t>(options.timesteps.size()); ++i) {
    const SampleStep step = sampler->step(x, i);
    x = step.x;
    if (callback) callback(step);
  }
  return x;
}

}  // namespace diffuse
