#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/cli/run_program.h"

namespace diffuse::testing_cli {
namespace {

TEST(Bench, MeasuresWithoutDataWhereTheShapeIsGiven) {
  const auto file = scratch("bench") / "c.json";
  write_file(file, small_image_config());
  const Outcome o =
      run_program({"bench", "--config", file, "--set", "model.sample_shape=[3,8,8]", "--set",
                   "data.type=mnist", "--set", "data.path=/nonexistent", "--batch", "2",
                   "--seconds", "0", "--device", "cpu", "--json", "-"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const auto found = nlohmann::json::parse(o.out);
  for (const char* const name : {"train_step_ms", "sample_step_ms", "images_per_s", "gemm_gflops",
                                 "achieved_gflops", "train_memory_bytes", "peak_memory_bytes"})
    EXPECT_GT(found.at(name).get<double>(), 0) << name;
  for (const char* const phase : {"data", "forward", "backward", "optimizer"})
    EXPECT_GT(found.at("phase_ms").at(phase).get<double>(), 0) << phase;
  const double seconds = found["train_step_ms"].get<double>() / 1e3;
  EXPECT_NEAR(found["images_per_s"].get<double>() * seconds, 2, 1e-6);
  EXPECT_NEAR(found["achieved_gflops"].get<double>() * seconds, found["train_gflop"].get<double>(),
              1e-6);
}

TEST(Bench, WritesATimeline) {
  const auto folder = scratch("bench_profile");
  write_file(folder / "c.json", small_image_config());
  const Outcome o = run_program({"bench", "--config", folder / "c.json", "--batch", "2", "--device",
                                 "cpu", "--profile", folder / "trace.json"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  std::ifstream file(folder / "trace.json");
  const auto trace = nlohmann::json::parse(file);
  std::set<std::string> names;
  for (const auto& event : trace.at("traceEvents")) names.insert(event.value("name", ""));
  for (const char* const name : {"forward", "backward", "optimizer", "aten::conv2d"})
    EXPECT_TRUE(names.contains(name)) << name;
}

TEST(Bench, WantsAConfig) {
  const Outcome o = run_program({"bench"});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_NE(o.err.find("--config"), std::string::npos) << o.err;
}

}  // namespace
}  // namespace diffuse::testing_cli
