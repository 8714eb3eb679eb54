#include "diffuse/sample/sampler.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "diffuse/core/error.h"
#include "diffuse/sample/timesteps.h"

namespace diffuse {

namespace {

using Denoised = GaussianDiffusion::Denoised;

// What all samplers share. Level i of the list is left for level i + 1; behind the last is the data.
class LevelSampler : public Sampler {
 public:
  LevelSampler(const GaussianDiffusion& diffusion, Denoiser denoiser, const SamplerOptions& options,
               NoiseSource noise)
      : diffusion_(diffusion),
        denoiser_(std::move(denoiser)),
        options_(options),
        noise_(std::move(noise)) {
    const Process& process = diffusion_.process();
    for (const double time : options_.timesteps) levels_.push_back(process.level(time));
    const bool stops_short = is_ddim() && !options_.end_at_data;
    levels_.push_back(stops_short ? process.level(process.first_time()) : Level{});
  }

  SampleStep step(const at::Tensor& x, int64_t i) final {
    const Denoised d = denoised(x, i);
    return {i + 1, count(), level(i).time, advance(x, d, i), d.x0};
  }

 protected:
  // From x at level i, where the network says d, to level i + 1.
  virtual at::Tensor advance(const at::Tensor& x, const Denoised& d, int64_t i) = 0;

  const GaussianDiffusion& diffusion() const { return diffusion_; }
  const SamplerOptions& options() const { return options_; }
  int64_t count() const { return std::ssize(options_.timesteps); }
  const Level& level(int64_t i) const { return levels_[static_cast<size_t>(i)]; }
  bool is_last(int64_t i) const { return i + 1 == count(); }
  at::Tensor noise(int64_t i) const {
    const bool chain = diffusion_.process().schedule() != nullptr;
    return noise_(chain ? static_cast<int64_t>(level(i).time) : count() - i);
  }

  // η of the sampler: its steps' noise as a share of the ancestral one's.
  double noise_share() const {
    const SamplerWord::Noise noise = entry_of(options_.sampler).noise;
    if (noise == SamplerWord::Noise::kByEta) return options_.eta;
    return noise == SamplerWord::Noise::kAlways ? 1 : 0;
  }

  Denoised denoised(const at::Tensor& x, int64_t i) const {
    const at::Tensor time = at::full({x.size(0)}, level(i).time, x.options().dtype(at::kDouble));
    const bool bounds = options_.clip_x0 || options_.dynamic_threshold > 0;
    const bool plain =
        options_.dynamic_threshold == 0 && options_.clip_range == 1 && !keeps_epsilon();
    Denoised d = diffusion_.denoised(denoiser_(x, time), x, time, options_.clip_x0 && plain);
    if (!bounds || plain) return d;
    const at::Tensor eps = d.eps;
    diffusion_.replace_x0(d, bounded(d.x0), x, time);
    if (keeps_epsilon()) d.eps = eps;
    return d;
  }

  // x' = a' x_0 + √(s'² − σ²) ε + σ z,  σ² = η² (s² − (a / a')² s'²) s'² / s²      [Song21] eq. 12
  at::Tensor jump(const at::Tensor& x0, const at::Tensor& eps, int64_t i, double eta) const {
    const Level &from = level(i), &to = level(i + 1);
    const double before = from.s * from.s, left = to.s * to.s, ratio = from.a / to.a;
    const double variance = eta * eta * (before - ratio * ratio * left) * left / before;
    const at::Tensor mean = x0 * to.a + eps * std::sqrt(std::max(left - variance, 0.0));
    return variance == 0 ? mean : mean + noise(i) * std::sqrt(variance);
  }

 private:
  bool is_ddim() const { return options_.sampler == SamplerKind::kDdim; }
  bool keeps_epsilon() const { return is_ddim() && options_.network_epsilon; }

  at::Tensor bounded(const at::Tensor& x0) const {
    if (options_.dynamic_threshold == 0) return x0.clamp(-options_.clip_range, options_.clip_range);
    std::vector<int64_t> shape(x0.dim(), 1);
    shape[0] = -1;
    at::Tensor bound = at::quantile(x0.flatten(1).abs(), options_.dynamic_threshold, 1);
    bound = bound.clamp_min(1).view(shape);
    if (options_.dynamic_threshold_max > 0) bound = bound.clamp_max(options_.dynamic_threshold_max);
    return x0.clamp(-bound, bound) / bound;
  }

  GaussianDiffusion diffusion_;
  Denoiser denoiser_;
  SamplerOptions options_;
  NoiseSource noise_;
  std::vector<Level> levels_;
};

class AncestralSampler : public LevelSampler {
  using LevelSampler::LevelSampler;

  at::Tensor advance(const at::Tensor& x, const Denoised& d, int64_t i) override {
    const auto repeated = [&](const Level& one) { return repeat(one, x.size(0), x.device()); };
    const Gaussian p = diffusion().reverse(d, x, repeated(level(i)), repeated(level(i + 1)));
    return is_last(i) ? p.mean : p.mean + p.variance.sqrt() * noise(i);
  }
};

class DdimSampler : public LevelSampler {
  using LevelSampler::LevelSampler;

  at::Tensor advance(const at::Tensor&, const Denoised& d, int64_t i) override {
    return jump(d.x0, d.eps, i, noise_share());
  }
};

// With λ = log(a / s) and steps h, h_last in it, D = x_0 + h/(2 h_last) (x_0 − x_0,last) is
// x_0 at the middle of the step to second order. The first step has no previous one, and for the step to
// the data h is infinite: they use x_0 itself.
class DpmSolver : public LevelSampler {
  using LevelSampler::LevelSampler;

  at::Tensor advance(const at::Tensor&, const Denoised& d, int64_t i) override {
    at::Tensor x0 = d.x0, eps = d.eps;
    if (last_ >= 0 && last_ == i - 1 && !is_last(i)) {
      const double ratio = (lambda(i + 1) - lambda(i)) / (2 * (lambda(i) - lambda(last_)));
      const at::Tensor change = (d.x0 - last_x0_) * ratio;
      x0 = d.x0 + change;
      eps = d.eps - change * (level(i).a / level(i).s);
    }
    last_x0_ = d.x0;
    last_ = i;
    return jump(x0, eps, i, noise_share());
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

  at::Tensor advance(const at::Tensor&, const Denoised& d, int64_t i) override {
    const Level &from = level(i), &to = level(i + 1);
    const at::Tensor euler = jump(d.x0, d.eps, i, 0);
    if (is_last(i)) return euler;
    if (diffusion().process().straight()) {
      const Denoised end = denoised(euler, i + 1);
      return euler + (end.x0 - d.x0) * ((to.a - from.a) / 2) +
             (end.eps - d.eps) * ((to.s - from.s) / 2);
    }
    if (from.a == 0) return euler;
    const double step = to.a * (to.sigma() - from.sigma());  // of x_t, not x_σ
    return euler + (denoised(euler, i + 1).eps - d.eps) * (step / 2);
  }
};

}  // namespace

static constexpr int64_t kContinuousSteps = 50;  // the default

// The timesteps of a config.
static std::vector<double> timesteps_of(const SampleConfig& config,
                                        const DiffusionConfig& diffusion) {
  if (!diffusion.is_chain()) {
    const auto process = make_process(diffusion);
    const Spacing usual = process->unbounded() ? Spacing::kKarras : Spacing::kTrailing;
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
                         .end_at_data = config.end_at_data};
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
