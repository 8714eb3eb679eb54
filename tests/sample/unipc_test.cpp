// UniPC against diffusers 0.42. Its orders are in continuous_test.cpp.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "diffuse/sample/sampler.h"
#include "diffuse/sample/timesteps.h"

namespace diffuse {
namespace {

at::Tensor run(int64_t order, int64_t steps) {
  const GaussianDiffusion diffusion(DiffusionConfig{});
  const Denoiser network = [](const at::Tensor& x, const at::Tensor& t) {
    return (x + (t / 500).view({-1, 1})).sin();
  };
  const SamplerOptions options{.sampler = SamplerKind::kUnipc,
                               .timesteps = spaced_timesteps(1000, steps, Spacing::kTrailing),
                               .clip_x0 = false,
                               .unipc_order = order};
  return run_sampler(diffusion, network, at::tensor({0.7, -1.3}, at::kDouble).view({1, 2}), options,
                     {});
}

// tests/reference/unipc_reference.py; its sigmas are in float32.
TEST(UniPc, IsDiffusersUniPc) {
  struct Case {
    int64_t order, steps;
    std::vector<double> x;
  };
  for (const Case& c : {Case{2, 4, {69.45224679237408, -289.06229845118133}},
                        Case{2, 8, {81.679905535436, -294.4078723017872}},
                        Case{3, 8, {77.47902494817588, -287.60475950778084}}})
    EXPECT_TRUE(
        at::allclose(run(c.order, c.steps), at::tensor(c.x, at::kDouble).view({1, 2}), 1e-5, 0))
        << c.order << " " << c.steps << run(c.order, c.steps);
}

TEST(UniPc, CallsTheNetworkOnceAStep) {
  const GaussianDiffusion diffusion(DiffusionConfig{});
  const Denoiser network = [](const at::Tensor& x, const at::Tensor&) { return x; };
  int64_t calls = 0;
  run_sampler(
      diffusion, network, at::ones({1, 2}, at::kDouble),
      {.sampler = SamplerKind::kUnipc, .timesteps = spaced_timesteps(1000, 7, Spacing::kTrailing)},
      {}, [&](const SampleStep& step) { calls += step.calls; });
  EXPECT_EQ(calls, 7);
}

}  // namespace
}  // namespace diffuse
