#include "src/model_file/condition_input.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/arrays/array_file.h"
#include "tests/message_of.h"
#include "tests/oracle_model.h"
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
  return oracle_model(config);
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

// A PNG of 2 x 2 pixels, red, green, blue and opacity: (51 51 51 255) (204 204 204 255) / (10 20 30 0) (0 0 0 255).
constexpr unsigned char kGreyWithHole[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48,
    0x44, 0x52, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x02, 0x08, 0x06, 0x00, 0x00,
    0x00, 0x72, 0xb6, 0x0d, 0x24, 0x00, 0x00, 0x00, 0x19, 0x49, 0x44, 0x41, 0x54, 0x78,
    0xda, 0x63, 0x30, 0x36, 0x36, 0xfe, 0x7f, 0xe6, 0xcc, 0x99, 0xff, 0x0c, 0x5c, 0x22,
    0x72, 0x0c, 0x40, 0xf0, 0x1f, 0x00, 0x40, 0xc9, 0x06, 0x37, 0xbb, 0x23, 0xa2, 0xc1,
    0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};

Model completing(const std::vector<int64_t>& shape) {
  Config config;
  config.condition.type = ConditionType::kMask;
  config.model.sample_shape = shape;
  config.model.sample_kind = SampleKind::kImage;
  config.model.condition_channels = shape[0] + 1;
  config.diffusion.timesteps = 20;
  return oracle_model(config);
}

// Stored with three colours, as many programs do; that of transparent pixels does not count.
TEST(ConditionInput, OfAGreyPictureWithAHoleFitsGreyModelsAndOthers) {
  const fs::path file = scratch("given_hole") / "x.png";
  write_file(file, {reinterpret_cast<const char*>(kGreyWithHole), sizeof kGreyWithHole});
  const at::Tensor values = at::tensor({-0.6f, 0.6f, 0.0f, -1.0f}).view({1, 1, 2, 2}),
                   known = at::tensor({1.0f, 1.0f, 0.0f, 1.0f}).view({1, 1, 2, 2});
  for (const int64_t channels : {1, 3})
    EXPECT_TRUE(at::allclose(load_conditions(file, completing({channels, 2, 2})).rows,
                             at::cat({values.expand({1, channels, 2, 2}), known}, 1), 0, 1e-6));
}

}  // namespace
}  // namespace diffuse
