// Models of arrays: numbers on scales of their own, and other channels than grey and colour.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/arrays/array_file.h"
#include "src/pictures/image_file.h"
#include "tests/cli/run_program.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

using Arguments = std::vector<std::string>;

// A run in `folder` on an array of images.
Outcome train(const fs::path& folder, const at::Tensor& images, const Arguments& more = {}) {
  write_npy(folder / "x.npy", images);
  write_file(folder / "c.json", small_image_config());
  Arguments arguments{"train",
                      "--config",
                      folder / "c.json",
                      "--device",
                      "cpu",
                      "--out",
                      folder / "run",
                      "--set",
                      "data.type=array",
                      "--set",
                      "data.image_size=0",
                      "--set",
                      "data.path=" + (folder / "x.npy").string()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program(arguments);
}

Outcome sample_run(const fs::path& folder, const std::string& out) {
  return run_program(
      {"sample", "--ckpt", folder / "run", "-n", "2", "--device", "cpu", "-o", folder / out});
}

at::Tensor ramp() { return at::linspace(0, 4095, 20 * 64).view({20, 1, 8, 8}); }

TEST(Arrays, BeyondTheClipAreRefusedBeforeTraining) {
  const fs::path folder = scratch("beyond");
  const Outcome o = train(folder, ramp());
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_NE(o.err.find("set data.range=[0,4095]"), std::string::npos) << o.err;
  EXPECT_FALSE(fs::exists(folder / "run"));
}

TEST(Arrays, OfARangeAreSampledInTheirUnits) {
  const fs::path folder = scratch("range");
  ASSERT_EQ(train(folder, ramp(), {"--set", "data.range=[0,4095]"}).exit_code, 0);
  ASSERT_EQ(sample_run(folder, "s.npy").exit_code, 0);
  ASSERT_EQ(sample_run(folder, "pictures").exit_code, 0);
  const at::Tensor x = read_npy(folder / "s.npy");
  EXPECT_GE(x.min().item<float>(), 0);
  EXPECT_LE(x.max().item<float>(), 4095);
  EXPECT_GT(x.max().item<float>(), 255);
  const Image picture = read_image(folder / "pictures" / "000000.png");
  const at::Tensor expected = (x[0].flatten() * (255.0 / 4095)).round().to(at::kByte);
  const at::Tensor found = at::tensor(at::ArrayRef<uint8_t>(picture.pixels));
  EXPECT_LE((found.to(at::kInt) - expected.to(at::kInt)).abs().max().item<int>(), 1);
}

TEST(Arrays, AreNotResumedInOtherUnits) {
  const fs::path folder = scratch("other_units");
  ASSERT_EQ(train(folder, ramp(), {"--set", "data.range=[0,4095]"}).exit_code, 0);
  const Outcome wider = train(folder, ramp(), {"--resume", "--set", "data.range=[0,8000]"});
  EXPECT_EQ(wider.exit_code, 2);
  EXPECT_NE(
      wider.err.find("data in other units: mean [2047.5] and std [2047.5] there, mean [4000.0] "
                     "and std [4000.0] in the config; set data.range=[0.0,4095.0]"),
      std::string::npos)
      << wider.err;
  const Outcome none = train(folder, ramp(), {"--resume", "--set", "sample.clip_x0=false"});
  EXPECT_NE(none.err.find("units of its own in the config"), std::string::npos) << none.err;
  EXPECT_EQ(train(folder, ramp(), {"--resume", "--set", "data.range=[0,4095]"}).exit_code, 0);
}

// A model of [-1, 1] has learnt nothing of 1e-6, nor of bytes that are 0 and 1.
TEST(Arrays, ThatNoiseHidesAreToldOf) {
  const fs::path folder = scratch("hidden");
  const std::string says = "so close that noise hides them";
  for (const at::Tensor& x : {ramp() / 4095e6, (ramp() > 2000).to(at::kByte)})
    EXPECT_NE(train(folder, x, {"--dry-run"}).err.find(says), std::string::npos) << x.scalar_type();
  EXPECT_EQ(train(folder, ramp() / 4095, {"--dry-run"}).err.find(says), std::string::npos);
}

TEST(Arrays, OfFourChannelsAreWrittenInEachKindOfOutput) {
  const fs::path folder = scratch("channels");
  ASSERT_EQ(train(folder, at::linspace(-1, 1, 20 * 4 * 64).view({20, 4, 8, 8})).exit_code, 0);
  ASSERT_EQ(sample_run(folder, "s.npy").exit_code, 0);
  const Outcome o = sample_run(folder, "arrays");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_NE(o.err.find("4 channels are not a picture: one .npy per sample"), std::string::npos);
  EXPECT_TRUE(at::equal(read_npy(folder / "arrays" / "000001.npy"), read_npy(folder / "s.npy")[1]));
  const Outcome grid = sample_run(folder, "s.png");
  ASSERT_EQ(grid.exit_code, 0) << grid.err;
  EXPECT_NE(grid.err.find("the 4 channels of a sample are shown side by side"), std::string::npos);
  const Image image = read_image(folder / "s.png");
  EXPECT_GT(image.width, 4 * image.height);
}

TEST(Arrays, ThatAreNotFiniteAreNoNoiseAndNoSamples) {
  const fs::path folder = scratch("finite");
  write_file(folder / "o.json",
             R"({"model": {"type": "gaussian_oracle"}, "data": {"type": "gaussian"}})");
  write_npy(folder / "x.npy", at::tensor({1.F, 2.F, NAN, 4.F}).view({2, 2}));
  const auto refused = [&](const Arguments& arguments) {
    const Outcome o = run_program(arguments);
    EXPECT_EQ(o.exit_code, 2);
    EXPECT_NE(o.err.find("x.npy: sample 1 contains numbers that are not finite"), std::string::npos)
        << o.err;
  };
  refused(
      {"sample", "--ckpt", folder / "o.json", "--noise", folder / "x.npy", "-o", folder / "s.npy"});
  refused({"eval", "--ckpt", folder / "o.json", "--metrics", "swd", "--samples", folder / "x.npy"});
}

TEST(DataInspect, TakesTheNameOfAnArray) {
  const fs::path file = scratch("two") / "two.npz";
  write_npz(file, {{"x", at::zeros({4, 2})}, {"y", at::tensor({0, 1, 1, 0})}});
  const Outcome asked = run_program({"data", "inspect", file});
  EXPECT_EQ(asked.exit_code, 2);
  EXPECT_NE(asked.err.find("select one of x, y; for example --set data.array=x"), std::string::npos)
      << asked.err;
  const Outcome o =
      run_program({"data", "inspect", file, "--set", "data.array=x", "--set", "data.labels=y"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_NE(o.out.find("shape    [2]"), std::string::npos) << o.out;
}

}  // namespace
}  // namespace diffuse::testing_cli
