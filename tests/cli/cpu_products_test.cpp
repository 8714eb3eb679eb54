// DIFFUSE_CPU_PRODUCTS chooses who multiplies, and is judged before work is spent.
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"
#include "tests/test_folder.h"

namespace diffuse::testing_cli {
namespace {

// bench of a small network, the variable set to `engine`.
Outcome bench_with(const char* engine) {
  const std::filesystem::path config = scratch("cpu_products") / "points.json";
  write_file(config, small_points_config());
  setenv("DIFFUSE_CPU_PRODUCTS", engine, 1);
  Outcome o = run_program({"bench", "--config", config, "--seconds", "0", "--json", "-"});
  unsetenv("DIFFUSE_CPU_PRODUCTS");
  return o;
}

TEST(CpuProducts, VariableChoosesTheLibrary) {
  const Outcome o = bench_with("libtorch");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(nlohmann::json::parse(o.out).at("cpu_products"), "libtorch");
}

TEST(CpuProducts, OneDnnIsTakenWhereTheBuildHasIt) {
  const Outcome o = bench_with("onednn");
  if (o.exit_code == 2) {
    EXPECT_NE(o.err.find("DIFFUSE_CPU_PRODUCTS: onednn is not available"), std::string::npos);
    return;
  }
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const std::string used = nlohmann::json::parse(o.out).at("cpu_products");
  EXPECT_EQ(used.substr(0, 7), "onednn ");
}

TEST(CpuProducts, AnUnknownLibraryIsRefusedInOneLine) {
  const Outcome o = bench_with("onednm");
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_NE(o.err.find("DIFFUSE_CPU_PRODUCTS: expected libtorch or onednn, got "
                       "\"onednm\"; did you "
                       "mean \"onednn\"?\n"),
            std::string::npos)
      << o.err;
}

}  // namespace
}  // namespace diffuse::testing_cli
