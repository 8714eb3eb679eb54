#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace diffuse::testing_cli {
namespace {

TEST(Bench, MeasuresWithoutDataWhereTheShapeIsGiven) {
  const auto file = scratch("bench") / "c.json";
  write_text(file, small_image_config());
  const Outcome o =
      run_program({"bench", "--config", file, "--set", "model.sample_shape=[3,8,8]", "--set",
                   "data.type=mnist", "--set", "data.path=/nonexistent", "--batch", "2",
                   "--seconds", "0", "--device", "cpu", "--json", "-"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const auto found = nlohmann::json::parse(o.out);
  for (const char* const name : {"train_step_ms", "sample_step_ms", "images_per_s", "gemm_gflops",
                                 "achieved_gflops", "peak_memory_bytes"})
    EXPECT_GT(found.at(name).get<double>(), 0) << name;
  const double seconds = found["train_step_ms"].get<double>() / 1e3;
  EXPECT_NEAR(found["images_per_s"].get<double>() * seconds, 2, 1e-6);
  EXPECT_NEAR(found["achieved_gflops"].get<double>() * seconds, found["train_gflop"].get<double>(),
              1e-6);
}

TEST(Bench, WantsAConfig) {
  const Outcome o = run_program({"bench"});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_NE(o.err.find("--config"), std::string::npos) << o.err;
}

}  // namespace
}  // namespace diffuse::testing_cli
