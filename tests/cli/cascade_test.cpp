// diffuse sample --cascade as a user runs it.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/arrays/array_file.h"
#include "tests/cli/run_program.h"
#include "tests/test_folder.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

// A base model of 8 x 8 images and one that doubles them, each after two updates.
fs::path two_models() {
  const fs::path folder = scratch("cascade");
  write_file(folder / "c.json", small_image_config());
  const auto train = [&](const char* name, std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"train", "--config", folder / "c.json", "--out", folder / name,
                                 "--device", "cpu", "--set", "train.steps=2"});
    const Outcome o = run_program(flags);
    EXPECT_EQ(o.exit_code, 0) << o.err;
  };
  train("base", {});
  train("second", {"--set", "data.image_size=16", "--set", "condition.type=downscale", "--set",
                   "condition.factor=2", "--set", "condition.noise=0.4"});
  return folder;
}

at::Tensor drawn(const fs::path& folder, std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"sample", "--cascade", folder / "base", folder / "second", "-o",
                               folder / "x.npy", "--device", "cpu", "--seed", "4"});
  const Outcome o = run_program(flags);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return read_npy(folder / "x.npy");
}

TEST(CascadeCommand, ImageDependsOnlyOnItsNumber) {
  const fs::path folder = two_models();
  const at::Tensor all = drawn(folder, {"-n", "3"});
  ASSERT_EQ(all.sizes(), at::IntArrayRef({3, 3, 16, 16}));
  EXPECT_TRUE(
      at::allclose(drawn(folder, {"-n", "2", "--batch", "1"}), all.slice(0, 0, 2), 0, 1e-4));
  EXPECT_TRUE(at::allclose(drawn(folder, {"-n", "3", "--cascade-noise", "0.2"}), all));
  EXPECT_FALSE(at::allclose(drawn(folder, {"-n", "3", "--cascade-noise", "0"}), all));
}

TEST(CascadeCommand, RefusesWhatDoesNotFit) {
  const fs::path folder = two_models();
  const auto refuse = [&](std::vector<std::string> flags, const std::string& says) {
    flags.insert(flags.begin(), {"sample", "-o", folder / "x.npy", "--device", "cpu"});
    expect_refused(run_program(flags), says);
  };
  const std::string base = folder / "base", second = folder / "second";
  refuse({}, "--ckpt is required, or --cascade BASE SR");
  refuse({"--cascade", base, base}, "--cascade: expected a second model with the /condition/type");
  refuse({"--cascade", second, second}, "enlarges images of 3 x 8 x 8, but");
  refuse({"--cascade", base, second, "--cascade-noise", "0.5"},
         "--cascade-noise: expected 0 to 0.4");
  refuse({"--ckpt", base, "--cascade-noise", "0.1"}, "--cascade-noise: expected --cascade BASE SR");
  refuse({"--cascade", base, second, "--ckpt", base}, "--ckpt");
  refuse({"--cascade", base}, "--cascade");
}

}  // namespace
}  // namespace diffuse::testing_cli
