#include "diffuse/sample/sampler.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "diffuse/core/error.h"
#include "diffuse/sample/timesteps.h"

namespace diffuse {

namespace {

using Prediction = GaussianDiffusion::Prediction;

// What all samplers share: the chain over the listed timesteps. Its row r is timestep
// timesteps[S − 1 − r]; row −1 is the data, with ᾱ = 1.
class ChainSampler : public Sampler {
 public:
  ChainSampler(const GaussianDiffusion& diffusion, Denoiser denoiser, const SamplerOptions& options,
               NoiseSource noise)
      : chain_(diffusion.respaced(options.timesteps)),
        first_alpha_bar_(diffusion.schedule().alpha_bar()[0].item<double>()),
        denoiser_(std::move(denoiser)),
        options_(options),
        noise_(std::move(noise)) {}

  SampleStep step(const at::Tensor& x, int64_t i) final {
    const auto count = static_cast<int64_t>(options_.timesteps.size());
    const int64_t row = count - 1 - i;
    const Prediction p = predict(x, row);
    return {i + 1, count, timestep(row), advance(x, p, row), p.x0};
  }

 protected:
  // From x at `row`, where the network says p, to row − 1.
  virtual at::Tensor advance(const at::Tensor& x, const Prediction& p, int64_t row) = 0;

  const SamplerOptions& options() const { return options_; }
  int64_t timestep(int64_t row) const {
    return options_.timesteps[options_.timesteps.size() - 1 - static_cast<size_t>(row)];
  }
  double alpha_bar(int64_t row) const {
    return row < 0 ? last_alpha_bar() : chain_.schedule().alpha_bar()[row].item<double>();
  }
  double one_minus_alpha_bar(int64_t row) const {
    return row < 0 ? 1 - last_alpha_bar()
                   : chain_.schedule().one_minus_alpha_bar()[row].item<double>();
  }
  at::Tensor noise(int64_t row) const { return noise_(timestep(row)); }

  Prediction predict(const at::Tensor& x, int64_t row) const {
    const auto filled = [&](int64_t value) {
      return at::full({x.size(0)}, value, x.options().dtype(at::kLong));
    };
    const bool bounds = options_.clip_x0 || options_.dynamic_threshold > 0;
    const bool plain =
        options_.dynamic_threshold == 0 && options_.clip_range == 1 && !keeps_epsilon();
    const at::Tensor rows = filled(row);
    Prediction p =
        chain_.predict(denoiser_(x, filled(timestep(row))), x, rows, options_.clip_x0 && plain);
    if (!bounds || plain) return p;
    const at::Tensor eps = p.eps;
    chain_.replace_x0(p, bounded(p.x0), x, rows);
    if (keeps_epsilon()) p.eps = eps;
    return p;
  }

  // x_{t−1} = √ᾱ' x_0 + √(1 − ᾱ' − σ²) ε + σ z                              [Song21] eq. 12
  // σ = η √((1 − ᾱ')/(1 − ᾱ)) √(1 − ᾱ/ᾱ'), ᾱ' = ᾱ of the next in the list
  at::Tensor jump(const at::Tensor& x0, const at::Tensor& eps, int64_t row, double eta) const {
    const double next = alpha_bar(row - 1), left = one_minus_alpha_bar(row - 1);
    const double variance =
        eta * eta * left / one_minus_alpha_bar(row) * (1 - alpha_bar(row) / next);
    const at::Tensor mean = x0 * std::sqrt(next) + eps * std::sqrt(std::max(left - variance, 0.0));
    return variance == 0 ? mean : mean + noise(row) * std::sqrt(variance);
  }

 private:
  bool is_ddim() const { return options_.sampler == "ddim"; }
  bool keeps_epsilon() const { return is_ddim() && options_.network_epsilon; }
  double last_alpha_bar() const {
    return is_ddim() && !options_.end_at_data ? first_alpha_bar_ : 1.0;
  }

  at::Tensor bounded(const at::Tensor& x0) const {
    if (options_.dynamic_threshold == 0) return x0.clamp(-options_.clip_range, options_.clip_range);
    std::vector<int64_t> shape(x0.dim(), 1);
    shape[0] = -1;
    at::Tensor bound = at::quantile(x0.flatten(1).abs(), options_.dynamic_threshold, 1);
    bound = bound.clamp_min(1).view(shape);
    if (options_.dynamic_threshold_max > 0) bound = bound.clamp_max(options_.dynamic_threshold_max);
    return x0.clamp(-bound, bound) / bound;
  }

  GaussianDiffusion chain_;
  double first_alpha_bar_;
  Denoiser denoiser_;
  SamplerOptions options_;
  NoiseSource noise_;
};

class AncestralSampler : public ChainSampler {
  using ChainSampler::ChainSampler;

  at::Tensor advance(const at::Tensor&, const Prediction& p, int64_t row) override {
    return row == 0 ? p.mean : p.mean + p.variance.sqrt() * noise(row);
  }
};

class DdimSampler : public ChainSampler {
  using ChainSampler::ChainSampler;

  at::Tensor advance(const at::Tensor&, const Prediction& p, int64_t row) override {
    return jump(p.x0, p.eps, row, options().eta);
  }
};

// With λ = ½ log(ᾱ/(1 − ᾱ)) and steps h, h_last in it, D = x_0 + h/(2 h_last) (x_0 − x_0,last) is
// x_0 at the middle of the step to second order. The first step has no last one, and for the step to
// the data h is infinite: they take x_0 itself.
class DpmSolver : public ChainSampler {
  using ChainSampler::ChainSampler;

  at::Tensor advance(const at::Tensor&, const Prediction& p, int64_t row) override {
    at::Tensor x0 = p.x0, eps = p.eps;
    if (last_row_ == row + 1 && row > 0) {
      const double ratio =
          (lambda(row - 1) - lambda(row)) / (2 * (lambda(row) - lambda(last_row_)));
      const at::Tensor change = (p.x0 - last_x0_) * ratio;
      x0 = p.x0 + change;
      eps = p.eps - change * std::sqrt(alpha_bar(row) / one_minus_alpha_bar(row));
    }
    last_x0_ = p.x0;
    last_row_ = row;
    return jump(x0, eps, row, options().sampler == "dpmpp2m-sde" ? 1 : 0);
  }

  double lambda(int64_t row) const {
    return 0.5 * std::log(alpha_bar(row) / one_minus_alpha_bar(row));
  }

  at::Tensor last_x0_;
  int64_t last_row_ = -1;
};

// With x_σ = x_t / √ᾱ the denoiser is D(x_σ) = x_σ − σ ε and the flow dx_σ/dσ = ε. Euler's step is
// ddim's; the trapezoidal rule puts the mean of both ends' ε in its place. There is no second ε at
// σ = 0, and no finite step from σ = ∞ (ᾱ = 0): Euler's step stays there.
class HeunSampler : public ChainSampler {
  using ChainSampler::ChainSampler;

  at::Tensor advance(const at::Tensor&, const Prediction& p, int64_t row) override {
    const at::Tensor euler = jump(p.x0, p.eps, row, 0);
    if (row == 0 || alpha_bar(row) == 0) return euler;
    const double step =
        std::sqrt(alpha_bar(row - 1)) * (sigma(row - 1) - sigma(row));  // of x_t, not x_σ
    return euler + (predict(euler, row - 1).eps - p.eps) * (step / 2);
  }

  double sigma(int64_t row) const { return std::sqrt(one_minus_alpha_bar(row) / alpha_bar(row)); }
};

}  // namespace

// The timesteps that a config asks for.
static std::vector<int64_t> timesteps_of(const SampleConfig& config,
                                         const NoiseSchedule& schedule) {
  std::string spacing = config.spacing;
  if (spacing == "auto")
    spacing = config.sampler == "heun"              ? "karras"
              : config.sampler.starts_with("dpmpp") ? "trailing"
                                                    : "leading";
  const int64_t T = schedule.timesteps(), steps = config.steps == 0 ? T : config.steps;
  const bool leading = spacing == "leading";
  const bool skips_zero = config.skip_zero && steps < T && (leading || spacing == "uniform");
  auto list = spaced_timesteps(schedule, skips_zero ? steps + 1 : steps, spacing);
  if (skips_zero) list.pop_back();
  const int64_t offset = leading ? std::min(config.steps_offset, T - 1 - list.front()) : 0;
  for (int64_t& t : list) t += offset;
  return list;
}

SamplerOptions sampler_options(const SampleConfig& config, const DiffusionConfig& diffusion) {
  return sampler_options(config, diffusion, timesteps_of(config, NoiseSchedule::make(diffusion)));
}

SamplerOptions sampler_options(const SampleConfig& config, const DiffusionConfig& diffusion,
                               std::vector<int64_t> timesteps) {
  SamplerOptions options{.sampler = config.sampler,
                         .timesteps = std::move(timesteps),
                         .eta = config.eta,
                         .clip_x0 = config.clip_x0,
                         .clip_range = config.clip_range,
                         .dynamic_threshold = config.dynamic_threshold,
                         .dynamic_threshold_max = config.dynamic_threshold_max,
                         .network_epsilon = config.ddim_epsilon == "network",
                         .end_at_data = config.end_at_data};
  check_sampler(options, diffusion);
  return options;
}

void check_sampler(const SamplerOptions& options, const DiffusionConfig& diffusion) {
  const NoiseSchedule schedule = NoiseSchedule::make(diffusion);
  const int64_t T = schedule.timesteps();
  if (options.timesteps.front() == T - 1) check_last_step(diffusion, schedule);
  if (options.sampler == "ddpm" && diffusion.variance == "learned" &&
      static_cast<int64_t>(options.timesteps.size()) < T)
    throw Error("--sampler ddpm: this model's /diffusion/variance \"learned\" is of single steps; ",
                "take all ", T, ", or another sampler");
}

template <class Kind>
static std::unique_ptr<Sampler> make(const GaussianDiffusion& diffusion, Denoiser denoiser,
                                     const SamplerOptions& options, NoiseSource noise) {
  return std::make_unique<Kind>(diffusion, std::move(denoiser), options, std::move(noise));
}

std::unique_ptr<Sampler> make_sampler(const GaussianDiffusion& diffusion, Denoiser denoiser,
                                      const SamplerOptions& options, NoiseSource noise) {
  static const std::map<std::string, decltype(&make<DdimSampler>)> kinds{
      {"ddpm", make<AncestralSampler>},
      {"ddim", make<DdimSampler>},
      {"dpmpp2m", make<DpmSolver>},
      {"dpmpp2m-sde", make<DpmSolver>},
      {"heun", make<HeunSampler>}};
  return kinds.at(options.sampler)(diffusion, std::move(denoiser), options, std::move(noise));
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
