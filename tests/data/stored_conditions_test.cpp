#include "src/data/stored_conditions.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "src/arrays/array_file.h"
#include "src/pictures/image_file.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;

// Points (i, i) of 40 items, and what is stored with them.
Config with_array(const fs::path& folder, ConditionType type, const at::Tensor& stored) {
  const at::Tensor numbers = at::arange(40, at::kFloat);
  write_npy(folder / "x.npy", numbers.view({40, 1}).repeat({1, 2}));
  write_npy(folder / "v.npy", stored);
  Config config;
  config.data = {.type = DataType::kArray, .path = (folder / "x.npy").string(), .held_out = 8};
  config.condition.type = type;
  config.condition.path = (folder / "v.npy").string();
  return config;
}

std::shared_ptr<const Dataset> open(Config& config, Split split) {
  return with_stored_conditions(make_dataset(config.data, split, 0), config, split);
}

std::vector<int64_t> all_items(const Dataset& set) {
  std::vector<int64_t> items(set.size());
  std::iota(items.begin(), items.end(), 0);
  return items;
}

// Of item i the vector (3 i, 5), scaled by the moments of the training part; a constant is only shifted.
TEST(StoredConditions, OfArraysArePairedByNumberAndScaled) {
  const at::Tensor i = at::arange(40, at::kFloat);
  Config config = with_array(scratch("vectors"), ConditionType::kVector,
                             at::stack({3 * i, at::full_like(i, 5)}, 1));
  const auto train = open(config, Split::kTrain), held_out = open(config, Split::kHeldOut);
  EXPECT_EQ(train->size() + held_out->size(), 40);
  const at::Tensor own = 3 * train->gather(all_items(*train)).select(1, 0).to(at::kDouble);
  const double mean = own.mean().item<double>(),
               std = own.std(0, /*unbiased=*/false).item<double>();
  ASSERT_EQ(config.condition.mean.size(), 2u);
  EXPECT_NEAR(config.condition.mean[0], mean, 1e-4);
  EXPECT_NEAR(config.condition.std[0], std, 1e-4);
  EXPECT_EQ(config.condition.std[1], 1);
  for (const auto& part : {train, held_out}) {
    EXPECT_EQ(part->condition_shape(), std::vector<int64_t>{2});
    const at::Tensor expected = (3 * part->gather(all_items(*part)).select(1, 0) - mean) / std;
    const at::Tensor found = part->condition(all_items(*part));
    EXPECT_TRUE(at::allclose(found.select(1, 0), expected, 1e-4, 1e-4));
    EXPECT_TRUE(at::allclose(found.select(1, 1), at::zeros_like(expected), 0, 1e-5));
  }
}

TEST(StoredConditions, OfAnotherNumberOfItemsAreRefused) {
  Config config = with_array(scratch("short"), ConditionType::kVector, at::ones({39, 2}));
  EXPECT_EQ(
      message_of([&] { open(config, Split::kTrain); }),
      "/condition/path: " + config.condition.path +
          ": expected one item for each of the data's, got 31 for the 32 of the training part");
}

TEST(StoredConditions, NameTheConditionsKeyInErrors) {
  Config config = with_array(scratch("missing"), ConditionType::kVector, at::ones({40, 2}));
  config.condition.path += "x";
  EXPECT_TRUE(message_of([&] { open(config, Split::kTrain); }).starts_with("/condition/path: "));
}

TEST(StoredConditions, LeaveTheNamesOfFilesInErrorsAlone) {
  const fs::path folder = scratch("names") / "data" / "path";
  fs::create_directories(folder);
  Config config = with_array(folder, ConditionType::kVector, at::full({40, 2}, NAN));
  EXPECT_TRUE(message_of([&] {
                open(config, Split::kTrain);
              }).starts_with((folder / "v.npy").string() + ": item 0 contains numbers"));
}

TEST(StoredConditions, WithMomentsThatDoNotFitAreRefused) {
  Config config = with_array(scratch("moments"), ConditionType::kVector, at::ones({40, 2}));
  config.condition.mean = config.condition.std = {1, 1, 1};
  EXPECT_EQ(message_of([&] { open(config, Split::kTrain); }),
            "/condition/mean: expected 2 numbers, one for each channel of " +
                config.condition.path + ", or none, got 3");
}

void write_grey(const fs::path& file, uint8_t level) {
  fs::create_directories(file.parent_path());
  write_png(file, {4, 4, 1, std::vector<uint8_t>(16, level)});
}

// Ten pictures of level 10 i, with pictures of level 20 i in another folder.
Config with_folders(const fs::path& root) {
  for (uint8_t i = 0; i < 10; ++i) {
    const std::string name = "picture_" + std::to_string(i * 7 % 10) + ".png";
    write_grey(root / "a" / name, 10 * i);
    write_grey(root / "b" / name, 20 * i);
  }
  Config config;
  config.data = {.type = DataType::kImageFolder,
                 .path = (root / "a").string(),
                 .image_size = 4,
                 .channels = 1,
                 .held_out = 3};
  config.condition.type = ConditionType::kImage;
  config.condition.path = (root / "b").string();
  return config;
}

TEST(StoredConditions, OfFoldersArePairedByName) {
  Config config = with_folders(scratch("folders"));
  for (const Split split : {Split::kTrain, Split::kHeldOut}) {
    const auto set = open(config, split);
    EXPECT_EQ(set->condition_shape(), (std::vector<int64_t>{1, 4, 4}));
    const at::Tensor x = set->gather(all_items(*set)), c = set->condition(all_items(*set));
    EXPECT_TRUE(at::allclose(c + 1, 2 * (x + 1), 0, 1e-5));
  }
  EXPECT_TRUE(config.condition.mean.empty());  // bytes have their scale
  config.condition.mean = config.condition.std = {1};
  EXPECT_EQ(message_of([&] { open(config, Split::kTrain); }),
            "/condition/mean: expected none, as " + config.condition.path +
                " holds 8-bit images, whose scale is from -1 to 1");
}

TEST(StoredConditions, WithoutAPairAreRefused) {
  const fs::path root = scratch("unpaired");
  Config config = with_folders(root);
  fs::rename(root / "b" / "picture_3.png", root / "b" / "picture_x.png");
  EXPECT_EQ(message_of([&] { open(config, Split::kTrain); }),
            "/condition/path: " + (root / "b").string() + " must have the names of " +
                (root / "a").string() +
                "; in order, picture 4 is picture_4 there and picture_3 in the data");
}

}  // namespace
}  // namespace diffuse
