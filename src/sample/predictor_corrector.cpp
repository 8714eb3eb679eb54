// Predictor-corrector sampling: an ancestral step, then Langevin steps at its end.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "src/sample/level_sampler.h"

namespace diffuse {

namespace {

class PredictorCorrector : public LevelSampler {
  using LevelSampler::LevelSampler;

  at::Tensor advance(const at::Tensor&, const Denoised& d, const Level& from, int64_t i) override {
    at::Tensor x = jump(d.x0, d.eps, from, i, 1);
    if (is_last(i)) return x;  // the data have no score
    for (int64_t j = 1; j <= options().corrector_steps; ++j) x = corrected(x, i, noise(i, j));
    return x;
  }

  // x + δ g + √(2δ) z with the score g = −ε / s and δ = 2 (r ‖z‖ / ‖g‖)², r = snr. The norms are their
  // expectations for data of variance σ_d², √D and √(D / (a² σ_d² + s²)), so that a sample depends only
  // on itself and points, whose norms vary, keep their distribution. δ is at most s²: data of small
  // spread would make longer steps unstable.                        [Song21b] app. G, algorithm 4
  at::Tensor corrected(const at::Tensor& x, int64_t i, const at::Tensor& z) {
    const Level& at = level(i + 1);
    const double noise = at.s * at.s, data = std::pow(at.a * diffusion().sigma_data(), 2);
    const double delta = std::min(2 * options().snr * options().snr * (data + noise), noise);
    return x - denoised(x, at).eps * (delta / at.s) + z * std::sqrt(2 * delta);
  }
};

}  // namespace

std::unique_ptr<Sampler> make_predictor_corrector(const GaussianDiffusion& diffusion,
                                                  Denoiser denoiser, const SamplerOptions& options,
                                                  NoiseSource noise) {
  return std::make_unique<PredictorCorrector>(diffusion, std::move(denoiser), options,
                                              std::move(noise));
}

}  // namespace diffuse
