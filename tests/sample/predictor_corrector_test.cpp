#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "diffuse/sample/timesteps.h"
#include "tests/sample/continuous_oracle.h"

namespace diffuse {
namespace {

using namespace continuous_oracle;  // NOLINT(google-build-using-namespace)

SamplerOptions options_for(std::vector<double> sigmas) {
  return {
      .sampler = SamplerKind::kPc, .timesteps = std::move(sigmas), .clip_x0 = false, .snr = 0.3};
}

// By hand: eps = 0.2 x means x_0 = x - sigma eps = 0.6 x at sigma 2. The ancestral step from x to sigma 1
// has variance (4 - 1) / 4 and noise 0.5; the corrector's delta is 2 * 0.09 (sigma_data^2 + 1), 0.225 of
// sigma_data 0.5, and with an snr of 2 at most sigma^2 = 1.
TEST(PredictorCorrector, TakesALangevinStepAtEachLevel) {
  const GaussianDiffusion diffusion = diffusion_of(ProcessKind::kEdm, PredictionKind::kEpsilon);
  const Denoiser network = [](const at::Tensor& x, const at::Tensor&) { return 0.2 * x; };
  for (const auto& [snr, delta] : {std::pair(0.3, 0.225), std::pair(2.0, 1.0)}) {
    std::vector<int64_t> drawn;
    const NoiseSource noise = [&](int64_t number) {
      drawn.push_back(number);
      return at::full({1, 2}, drawn.size() == 1 ? 0.5 : -0.25, at::kDouble);
    };
    SamplerOptions options = options_for({2, 1});
    options.snr = snr;
    const auto sampler = make_sampler(diffusion, network, options, noise);
    const SampleStep step = sampler->step(at::tensor({2.0, -1.0}, at::kDouble).view({1, 2}), 0);
    for (int64_t k = 0; k < 2; ++k) {
      const double start = k == 0 ? 2 : -1;
      const double x = 0.6 * start + 0.5 * 0.2 * start + std::sqrt(0.75) * 0.5;
      EXPECT_NEAR(step.x[0][k].item<double>(), x - delta * 0.2 * x - std::sqrt(2 * delta) * 0.25,
                  1e-12);
    }
    EXPECT_EQ(step.calls, 2);
    EXPECT_EQ(drawn, (std::vector<int64_t>{2, 2 + kNoisesApart}));
    // The data have no score: the last step is the predictor's.
    EXPECT_EQ(sampler->step(step.x, 1).calls, 1);
  }
}

// For data N(0, 1/4) with so many numbers, the samples' variance is measured to 0.5 %.
double variance(ProcessKind process, SamplerKind sampler, int64_t steps) {
  const GaussianDiffusion diffusion = diffusion_of(process);
  SamplerOptions options =
      options_for(spaced_timesteps(diffusion.process(), steps, Spacing::kKarras));
  options.sampler = sampler;
  options.snr = 0.16;
  const at::Generator generator = at::detail::createCPUGenerator(7);
  const auto draw = [&] { return at::randn({64, 1024}, generator, at::kDouble); };
  return run_sampler(diffusion, oracle(diffusion), start_of(diffusion, options, draw()), options,
                     [&](int64_t) { return draw(); })
      .square()
      .mean()
      .item<double>();
}

TEST(PredictorCorrector, IsNearerThanItsPredictorAtEqualEvaluations) {
  for (const ProcessKind process : {ProcessKind::kEdm, ProcessKind::kVe}) {
    const double predictor = variance(process, SamplerKind::kAncestral, 256) - kVariance;
    const double corrected = variance(process, SamplerKind::kPc, 128) - kVariance;
    EXPECT_LT(std::abs(corrected), 0.5 * std::abs(predictor)) << process;
  }
}

}  // namespace
}  // namespace diffuse
