#include "src/model_file/condition_input.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/arrays/array_file.h"
#include "src/model/small_networks.h"
#include "src/sample/oracle_view.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;

// Of grey 2 x 2 images, each given another that was 8-bit in training, or numbers with moments.
Model given_images(const std::vector<double>& mean = {}, const std::vector<double>& std = {}) {
  Config config;
  config.condition.type = ConditionType::kImage;
  config.condition.mean = mean;
  config.condition.std = std;
  config.model.sample_shape = {1, 2, 2};
  config.model.sample_kind = SampleKind::kImage;
  config.model.condition_channels = 1;
  config.diffusion.timesteps = 20;
  return {"model", config,
          std::make_shared<GaussianOracle>(1, oracle_view(GaussianDiffusion(config.diffusion))),
          at::kCPU};
}

fs::path saved(const std::string& name, const at::Tensor& x) {
  const fs::path file = scratch("given_" + name) / "x.npy";
  write_npy(file, x);
  return file;
}

const at::Tensor kNumbers = at::tensor({0.0f, 1.0f, -1.0f, 0.5f}).view({1, 1, 2, 2});

TEST(ConditionInput, OfPicturesIsFromBlackToWhite) {
  const Model model = given_images();
  EXPECT_TRUE(at::equal(load_conditions(saved("unit", kNumbers), model).rows, kNumbers));
  const at::Tensor bytes = at::tensor({0, 255, 255, 0}, at::kByte).view({1, 1, 2, 2});
  EXPECT_TRUE(at::equal(load_conditions(saved("bytes", bytes), model).rows,
                        at::tensor({-1.0f, 1.0f, 1.0f, -1.0f}).view({1, 1, 2, 2})));
  const fs::path bright = saved("bright", kNumbers * 200);
  EXPECT_EQ(message_of([&] { load_conditions(bright, model); }),
            "--condition " + bright.string() +
                ": numbers from -200 to 200; expected -1 (black) to 1 (white), as the training's "
                "pictures, or uint8");
}

TEST(ConditionInput, OfNumbersIsScaledByTheirMoments) {
  const Model model = given_images({100}, {50});
  EXPECT_TRUE(at::allclose(load_conditions(saved("numbers", kNumbers * 200), model).rows,
                           kNumbers * 4 - 2));
  const at::Tensor bytes = at::ones({1, 1, 2, 2}, at::kByte);
  EXPECT_NE(message_of([&] {
              load_conditions(saved("level", bytes), model);
            }).find("expected numbers in the units of the training's conditions"),
            std::string::npos);
}

}  // namespace
}  // namespace diffuse
