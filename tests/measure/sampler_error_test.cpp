#include "src/measure/sampler_error.h"

#include <gtest/gtest.h>

#include "tests/oracle_model.h"

namespace diffuse {
namespace {

Model oracle() {
  Config config;
  config.model.sample_shape = {2};
  config.model.sample_kind = SampleKind::kPoint;
  config.sample.clip_x0 = false;
  return oracle_model(config, 0.25, "oracle");
}

// On Gaussian data: more steps are closer, and at 16 steps the second-order samplers beat ddim.
TEST(SamplerErrors, FallWithTheStepsAndWithTheOrder) {
  const Model model = oracle();
  const SamplerErrorOptions options{
      .samplers = {SamplerKind::kDdim, SamplerKind::kDpmpp2m, SamplerKind::kHeun},
      .steps = {16, 32}};
  const auto r = sampler_errors(model, consecutive_keys(0, 0, 8), options);
  ASSERT_EQ(r.size(), 6u);
  EXPECT_EQ(reference_steps(options, 1000), 128);
  for (size_t i = 0; i < 6; i += 2) EXPECT_GT(r[i].error, 1.5 * r[i + 1].error) << r[i].sampler;
  EXPECT_GT(r[0].error, 2 * r[2].error);
  EXPECT_GT(r[0].error, 2 * r[4].error);
  EXPECT_EQ(r[2].calls, 16);
  EXPECT_EQ(r[4].calls, 31);
}

TEST(SamplerErrors, DoNotDependOnTheBatchAndMeasureTheDistanceOfAllSamples) {
  const Model model = oracle();
  SamplerErrorOptions options{.samplers = {SamplerKind::kDdim},
                              .steps = {8},
                              .distance = [](const at::Tensor& x) { return x.size(0) + 0.5; }};
  const auto whole = sampler_errors(model, consecutive_keys(0, 0, 8), options);
  options.batch = 3;
  const auto parts = sampler_errors(model, consecutive_keys(0, 0, 8), options);
  EXPECT_EQ(whole[0].error, parts[0].error);
  EXPECT_EQ(parts[0].calls, 8);
  EXPECT_EQ(parts[0].distance, 8.5);
}

}  // namespace
}  // namespace diffuse
