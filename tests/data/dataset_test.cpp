#include "diffuse/data/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numbers>
#include <set>

#include "tests/data/data_files.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

DataConfig swiss_roll(double noise, int64_t count = 0) {
  return {.type = DataType::kSwissRoll, .path = "", .count = count, .noise = noise};
}

TEST(SwissRoll, HasTheShapeAndDefaultCountOfThePost) {
  const auto set = make_dataset(swiss_roll(0.3), Split::kTrain, 0);
  EXPECT_EQ(set->size(), 5000);
  EXPECT_EQ(set->sample_shape(), std::vector<int64_t>{2});
  EXPECT_EQ(set->label(0), -1);
  EXPECT_FALSE(set->is_image());
}

// Without noise a point is (t cos t, t sin t) / 4: its radius tells t, and t its angle.
TEST(SwissRoll, LiesOnTheSpiral) {
  const std::vector<float> x = all_values(*make_dataset(swiss_roll(0, 1000), Split::kTrain, 1));
  double least = 1e9;
  double most = 0;
  for (size_t i = 0; i < x.size(); i += 2) {
    const double t = 4 * std::hypot(x[i], x[i + 1]);
    EXPECT_NEAR(x[i], t * std::cos(t) / 4, 1e-4);
    EXPECT_NEAR(x[i + 1], t * std::sin(t) / 4, 1e-4);
    least = std::min(least, t);
    most = std::max(most, t);
  }
  EXPECT_NEAR(least, 1.5 * std::numbers::pi, 0.05);
  EXPECT_NEAR(most, 4.5 * std::numbers::pi, 0.05);
}

// Integrals over t in [1.5 pi, 4.5 pi]: E[t cos t] = 2, E[t sin t] = 2 / (3 pi),
// E[t^2] = 9.75 pi^2; the noise adds its variance to each axis.
TEST(SwissRoll, HasTheMomentsOfTheFormula) {
  constexpr int64_t kCount = 40'000;
  const std::vector<float> x = all_values(*make_dataset(swiss_roll(0.3, kCount), Split::kTrain, 2));
  double mean0 = 0;
  double mean1 = 0;
  double squares = 0;
  for (size_t i = 0; i < x.size(); i += 2) {
    mean0 += 4.0 * x[i] / kCount;
    mean1 += 4.0 * x[i + 1] / kCount;
    squares += 16.0 * (x[i] * x[i] + x[i + 1] * x[i + 1]) / kCount;
  }
  EXPECT_NEAR(mean0, 2, 0.14);  // four standard errors: 4 * 7 / sqrt(40000)
  EXPECT_NEAR(mean1, 2 / (3 * std::numbers::pi), 0.14);
  EXPECT_NEAR(squares, 9.75 * std::numbers::pi * std::numbers::pi + 2 * 0.09, 1.2);
}

TEST(Gaussian, HasTheVarianceAsked) {
  const DataConfig config{
      .type = DataType::kGaussian, .path = "", .count = 20'000, .variance = 0.25, .dimensions = 3};
  const auto set = make_dataset(config, Split::kTrain, 3);
  EXPECT_EQ(set->sample_shape(), std::vector<int64_t>{3});
  const auto [mean, deviation] = moments(all_values(*set));
  EXPECT_NEAR(mean, 0, 0.01);
  EXPECT_NEAR(deviation, 0.5, 0.006);
}

// Components at -2 (a quarter of the points) and 1: mean 0.25, variance 9 * 3 / 16 + 0.04 = 1.7275.
TEST(GaussianMixture, DrawsComponentsByTheirWeights) {
  const DataConfig config{.type = DataType::kGaussianMixture,
                          .path = "",
                          .count = 40'000,
                          .variance = 0.04,
                          .dimensions = 1,
                          .means = {-2, 1},
                          .weights = {1, 3}};
  const std::vector<float> x = all_values(*make_dataset(config, Split::kTrain, 3));
  const auto [mean, deviation] = moments(x);
  EXPECT_NEAR(mean, 0.25, 4 * 1.315 / 200);
  EXPECT_NEAR(deviation * deviation, 1.7275, 0.05);
  const auto left = std::count_if(x.begin(), x.end(), [](float v) { return v < -0.5; });
  EXPECT_NEAR(left / 40'000.0, 0.25, 4 * 0.433 / 200);
  EXPECT_TRUE(std::all_of(x.begin(), x.end(), [](float v) {
    return std::min(std::abs(v + 2), std::abs(v - 1)) < 6 * 0.2;
  }));
}

TEST(GeneratedSet, DependsOnSeedAndSplitAlone) {
  for (const DataType type : {DataType::kSwissRoll, DataType::kGaussian, DataType::kShapes}) {
    SCOPED_TRACE(word_of(type));
    const auto make = [&](int64_t count, Split split, uint64_t seed) {
      return values(
          *make_dataset({.type = type, .path = "", .count = count, .held_out = 10}, split, seed),
          {0, 3, 9});
    };
    const std::vector<float> x = make(10, Split::kTrain, 7);
    EXPECT_EQ(x, make(25, Split::kTrain, 7));
    EXPECT_NE(x, make(10, Split::kTrain, 8));
    EXPECT_NE(x, make(10, Split::kHeldOut, 7));
  }
}

TEST(GeneratedSet, HoldsOutAsManyAsAsked) {
  const auto size = [](const DataConfig& config) {
    return make_dataset(config, Split::kHeldOut, 0)->size();
  };
  EXPECT_EQ(size({.type = DataType::kShapes, .path = "", .count = 400}), 20);
  EXPECT_EQ(size({.type = DataType::kShapes, .path = "", .count = 400, .held_out = 7}), 7);
  EXPECT_EQ(size({.type = DataType::kSwissRoll, .path = ""}), 5000);
  EXPECT_EQ(size({.type = DataType::kSwissRoll, .path = "", .held_out = 7}), 7);
}

TEST(Shapes, HasTenBalancedClasses) {
  const auto set =
      make_dataset({.type = DataType::kShapes, .path = "", .count = 200}, Split::kTrain, 0);
  EXPECT_EQ(set->sample_shape(), (std::vector<int64_t>{3, 32, 32}));
  EXPECT_EQ(set->class_names().front(), "disc");
  EXPECT_EQ(std::set<std::string>({"disc", "ring", "square", "diamond", "triangle", "star", "cross",
                                   "heart", "crescent", "hexagon"}),
            [&] {
              const auto names = set->class_names();
              return std::set<std::string>(names.begin(), names.end());
            }());
  EXPECT_EQ(label_counts(*set), std::vector<int64_t>(10, 20));
}

// Both ends of each row show the same background; what differs from it is a shape's size.
TEST(Shapes, IsDrawnInsideThePicture) {
  constexpr int64_t kSide = 32;
  const auto set = make_dataset(
      {.type = DataType::kShapes, .path = "", .channels = 1, .count = 500}, Split::kTrain, 0);
  EXPECT_EQ(set->sample_shape(), (std::vector<int64_t>{1, kSide, kSide}));
  for (int64_t item = 0; item < set->size(); ++item) {
    const std::vector<int> x = pixels(*set, {item});
    int64_t marked = 0;
    for (int64_t y = 0; y < kSide; ++y) {
      EXPECT_NEAR(x[y * kSide], x[y * kSide + 31], 40) << "item " << item << ", row " << y;
      for (int64_t column = 0; column < kSide; ++column)
        marked += std::abs(x[y * kSide + column] - x[y * kSide]) > 45;
    }
    EXPECT_GT(marked, 40) << "item " << item;
    EXPECT_LT(marked, 460) << "item " << item;
  }
}

TEST(Shapes, HasTheSizeAsked) {
  const auto set = make_dataset(
      {.type = DataType::kShapes, .path = "", .image_size = 48, .count = 3}, Split::kTrain, 0);
  EXPECT_EQ(set->sample_shape(), (std::vector<int64_t>{3, 48, 48}));
}

TEST(MakeDataset, RefusesWhatItCannotMake) {
  EXPECT_TRUE(contains(error_of({.type = DataType::kShapes, .path = "", .channels = 4}),
                       "/data/channels: 4, expected 1"));
  EXPECT_TRUE(contains(error_of({.type = DataType::kGaussian, .path = "", .horizontal_flip = true}),
                       "/data/horizontal_flip: gaussian holds points"));
  EXPECT_EQ(
      error_of({.type = DataType::kShapes, .path = "", .count = 20'000, .memory_limit_mb = 58}),
      "/data/type shapes: 59 MB of pixels, more than data.memory_limit_mb = 58; raise it, or "
      "lower data.count or data.image_size");
}

TEST(MakeDataset, RefusesItemsThatAreNotThere) {
  const auto set =
      make_dataset({.type = DataType::kShapes, .path = "", .count = 3}, Split::kTrain, 0);
  EXPECT_ANY_THROW(values(*set, {3}));
  EXPECT_ANY_THROW(values(*set, {-1}));
}

TEST(DataConfigOf, GuessesTheTypeFromThePath) {
  const TestFolder folder;
  EXPECT_EQ(data_config_of(folder.path()).type, DataType::kImageFolder);
  for (const auto& [name, type] : {std::pair("a.zip", DataType::kImageFolder),
                                   {"a.tar.gz", DataType::kImageFolder},
                                   {"a.npy", DataType::kArray},
                                   {"a.npz", DataType::kArray},
                                   {"a.safetensors", DataType::kArray}}) {
    const auto path = folder.path() / name;
    write_file(path, "");
    EXPECT_EQ(data_config_of(path).type, type) << name;
    EXPECT_EQ(data_config_of(path).path, path.string());
  }
  write_file(folder.path() / "a.txt", "");
  EXPECT_THROW(data_config_of(folder.path() / "a.txt"), Error);
  EXPECT_THROW(data_config_of(folder.path() / "missing.npy"), Error);
}

}  // namespace
}  // namespace diffuse
