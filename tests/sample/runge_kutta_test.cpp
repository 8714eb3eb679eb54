// dopri5 against the flow's solution and its tolerance, and the independence of its rows. rk4's order is in
// continuous_test.cpp.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/sample/continuous_oracle.h"

namespace diffuse {
namespace {

using namespace continuous_oracle;  // NOLINT(google-build-using-namespace)

struct Run {
  double error;  // from the flow's solution
  int64_t calls;
};

Run run(const GaussianDiffusion& diffusion, double tolerance) {
  const Process& process = diffusion.process();
  SamplerOptions options{.sampler = SamplerKind::kDopri5,
                         .timesteps = {process.last_time_with_signal(), process.first_time()},
                         .clip_x0 = false,
                         .tolerance = tolerance};
  int64_t calls = 0;
  const at::Tensor x =
      run_sampler(diffusion, oracle(diffusion), at::ones({1, 1}, at::kDouble), options, {},
                  [&](const SampleStep& step) { calls += step.calls; });
  return {std::abs(x.item<double>() - exact_output(process, options.timesteps)), calls};
}

TEST(Dopri5, IsAsCloseAsItsToleranceAsks) {
  for (const ProcessKind process : kContinuous) {
    const GaussianDiffusion diffusion = diffusion_of(process);
    int64_t fewer = 0;
    for (const double tolerance : {1e-3, 1e-5, 1e-7, 1e-9}) {
      const auto [error, calls] = run(diffusion, tolerance);
      EXPECT_LE(error, 20 * tolerance) << process << " " << tolerance;
      EXPECT_GT(calls, fewer) << process << " " << tolerance;  // closer costs more
      fewer = calls;
    }
    EXPECT_LT(run(diffusion, 1e-5).calls, 400) << process;
  }
}

// A chain has levels between its rows too: data N(0, 1/4) end where the flow takes them.
TEST(Dopri5, TakesAChainBetweenItsTimesteps) {
  const GaussianDiffusion diffusion(DiffusionConfig{});
  EXPECT_LT(run(diffusion, 1e-7).error, 2e-6);
}

TEST(Dopri5, ChoosesTheStepsOfEachRowByItself) {
  const GaussianDiffusion diffusion = diffusion_of(ProcessKind::kEdm);
  const Denoiser network = [](const at::Tensor& x, const at::Tensor&) { return (3 * x).sin(); };
  const SamplerOptions options{
      .sampler = SamplerKind::kDopri5, .timesteps = {80, 5, 0.002}, .clip_x0 = false};
  const at::Tensor x_T = at::tensor({80.0, 1.0, -40.0, 3.0}, at::kDouble).view({2, 2});
  const at::Tensor both = run_sampler(diffusion, network, x_T, options, {});
  for (int64_t row = 0; row < 2; ++row)
    EXPECT_TRUE(
        at::allclose(run_sampler(diffusion, network, x_T.slice(0, row, row + 1), options, {})[0],
                     both[row], 1e-8, 1e-8));
}

TEST(Dopri5, EndsWithWhatIsNotANumber) {
  const Denoiser network = [](const at::Tensor& x, const at::Tensor&) { return x * NAN; };
  const SamplerOptions options{
      .sampler = SamplerKind::kDopri5, .timesteps = {80, 0.002}, .clip_x0 = false};
  const at::Tensor x = run_sampler(diffusion_of(ProcessKind::kEdm), network,
                                   at::ones({1, 1}, at::kDouble), options, {});
  EXPECT_TRUE(at::isnan(x).all().item<bool>());
}

// Only two times: it chooses those between them.
TEST(Dopri5, GoesFromEndToEndWhereNoStepsAreAsked) {
  DiffusionConfig edm;
  edm.process = ProcessKind::kEdm;
  EXPECT_EQ(sampler_options({.sampler = SamplerKind::kDopri5}, edm).timesteps,
            (std::vector<double>{80, 0.002}));
  EXPECT_EQ(sampler_options({.sampler = SamplerKind::kDopri5}, {}).timesteps,
            (std::vector<double>{999, 0}));
  DiffusionConfig ends_without_signal;
  ends_without_signal.prediction = PredictionKind::kV;
  ends_without_signal.rescale_zero_terminal_snr = true;
  EXPECT_EQ(sampler_options({.sampler = SamplerKind::kDopri5}, ends_without_signal).timesteps,
            (std::vector<double>{999, 998, 0}));
}

}  // namespace
}  // namespace diffuse
