#include "src/sample/level_sampler.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace diffuse {

LevelSampler::LevelSampler(const GaussianDiffusion& diffusion, Denoiser denoiser,
                           const SamplerOptions& options, NoiseSource noise)
    : diffusion_(diffusion),
      denoiser_(std::move(denoiser)),
      options_(options),
      noise_(std::move(noise)) {
  const Process& process = diffusion_.process();
  for (const double time : options_.timesteps) levels_.push_back(process.level(time));
  const bool stops_short = is_ddim() && !options_.end_at_data;
  levels_.push_back(stops_short ? process.level(process.first_time()) : Level{});
}

SampleStep LevelSampler::step(const at::Tensor& x, int64_t i) {
  calls_ = 0;
  const auto [begin, from] = start(x, i);
  const Denoised d = denoised(begin, from);
  at::Tensor next = advance(begin, d, from, i);
  return {i + 1, count(), level(i).time, std::move(next), d.x0, calls_};
}

at::Tensor LevelSampler::noise(int64_t i, int64_t more) const {
  const bool chain = diffusion_.process().schedule() != nullptr;
  const int64_t number = chain ? static_cast<int64_t>(level(i).time) : count() - i;
  return noise_(number + more * kNoisesApart);
}

double LevelSampler::noise_share() const {
  const SamplerWord::Noise noise = entry_of(options_.sampler).noise;
  if (noise == SamplerWord::Noise::kByEta) return options_.eta;
  return noise == SamplerWord::Noise::kAlways ? 1 : 0;
}

LevelSampler::Denoised LevelSampler::denoised(const at::Tensor& x, const Levels& at) {
  ++calls_;
  const bool bounds = options_.clip_x0 || options_.dynamic_threshold > 0;
  const bool plain =
      options_.dynamic_threshold == 0 && options_.clip_range == 1 && !keeps_epsilon();
  Denoised d = diffusion_.denoised(denoiser_(x, at.time), x, at, options_.clip_x0 && plain);
  if (!bounds || plain) return d;
  const at::Tensor eps = d.eps;
  diffusion_.replace_x0(d, bounded(d.x0), x, at);
  if (keeps_epsilon()) d.eps = eps;
  return d;
}

// x' = a' x_0 + √(s'² − σ²) ε + σ z                                              [Song21] eq. 12
at::Tensor LevelSampler::jump(const at::Tensor& x0, const at::Tensor& eps, const Level& from,
                              int64_t i, double eta) const {
  const Level& to = level(i + 1);
  const double before = from.s * from.s, left = to.s * to.s, ratio = from.a / to.a;
  const double variance = eta * eta * (before - ratio * ratio * left) * left / before;
  const at::Tensor mean = x0 * to.a + eps * std::sqrt(std::max(left - variance, 0.0));
  return variance == 0 ? mean : mean + noise(i) * std::sqrt(variance);
}

at::Tensor LevelSampler::bounded(const at::Tensor& x0) const {
  if (options_.dynamic_threshold == 0) return x0.clamp(-options_.clip_range, options_.clip_range);
  std::vector<int64_t> shape(x0.dim(), 1);
  shape[0] = -1;
  at::Tensor bound = at::quantile(x0.flatten(1).abs(), options_.dynamic_threshold, 1);
  bound = bound.clamp_min(1).view(shape);
  if (options_.dynamic_threshold_max > 0) bound = bound.clamp_max(options_.dynamic_threshold_max);
  return x0.clamp(-bound, bound) / bound;
}

}  // namespace diffuse
