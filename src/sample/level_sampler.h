// What all samplers share: a list of noise levels, and the network's prediction at a level.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <utility>
#include <vector>

#include "diffuse/sample/sampler.h"

namespace diffuse {

// Level i of the list is left for level i + 1; behind the last is the data.
class LevelSampler : public Sampler {
 public:
  LevelSampler(const GaussianDiffusion& diffusion, Denoiser denoiser, const SamplerOptions& options,
               NoiseSource noise);

  SampleStep step(const at::Tensor& x, int64_t i) final;

 protected:
  using Denoised = GaussianDiffusion::Denoised;

  // Where step i begins: x at level i itself, or x with more noise at another level.
  virtual std::pair<at::Tensor, Level> start(const at::Tensor& x, int64_t i) {
    return {x, level(i)};
  }

  // From x at level `from`, where the network predicts d, to level i + 1.
  virtual at::Tensor advance(const at::Tensor& x, const Denoised& d, const Level& from,
                             int64_t i) = 0;

  const GaussianDiffusion& diffusion() const { return diffusion_; }
  const SamplerOptions& options() const { return options_; }
  int64_t count() const { return std::ssize(options_.timesteps); }
  const Level& level(int64_t i) const { return levels_[static_cast<size_t>(i)]; }
  bool is_last(int64_t i) const { return i + 1 == count(); }

  // Noise of step i; `more` numbers the noises of one step.
  at::Tensor noise(int64_t i, int64_t more = 0) const;

  // η of the sampler: its steps' noise as a share of the ancestral one's.
  double noise_share() const;

  // The network's prediction for x at the levels of its rows, or at one level.
  Denoised denoised(const at::Tensor& x, const Levels& at);
  Denoised denoised(const at::Tensor& x, const Level& at) {
    return denoised(x, repeat(at, x.size(0), x.device()));
  }

  // x' = a' x_0 + √(s'² − σ²) ε + σ z,  σ² = η² (s² − (a / a')² s'²) s'² / s²      [Song21] eq. 12
  at::Tensor jump(const at::Tensor& x0, const at::Tensor& eps, const Level& from, int64_t i,
                  double eta) const;

 private:
  bool is_ddim() const { return options_.sampler == SamplerKind::kDdim; }
  bool keeps_epsilon() const { return is_ddim() && options_.network_epsilon; }
  at::Tensor bounded(const at::Tensor& x0) const;

  GaussianDiffusion diffusion_;
  Denoiser denoiser_;
  SamplerOptions options_;
  NoiseSource noise_;
  std::vector<Level> levels_;
  int64_t calls_ = 0;  // of the network in this step
};

using SamplerFactory = std::unique_ptr<Sampler>(const GaussianDiffusion&, Denoiser,
                                                const SamplerOptions&, NoiseSource);

// The samplers with files of their own.
SamplerFactory make_rk4, make_dopri5, make_unipc, make_predictor_corrector;

}  // namespace diffuse
