#include "src/data/normalization.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/arrays/array_file.h"
#include "tests/data/data_files.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

// Two channels of four numbers: 10 i + k and the constant 7.
class Normalization : public testing::Test {
 protected:
  Normalization() {
    at::Tensor array = at::full({3, 2, 4}, 7.0F);
    array.select(1, 0) = at::arange(3).view({3, 1}) * 10 + at::arange(4);
    write_npy(folder_.path() / "x.npy", array);
    config_.path = (folder_.path() / "x.npy").string();
    config_.held_out = 1;
  }

  const TestFolder folder_;
  DataConfig config_{.type = DataType::kArray, .path = ""};
};

TEST_F(Normalization, MomentsAreThoseOfTheNumbers) {
  const auto set = make_dataset(config_, Split::kTrain, 0);
  const at::Tensor x = set->gather(std::vector<int64_t>{0, 1}).to(at::kDouble).select(1, 0);
  const ChannelMoments moments = channel_moments(*set);
  EXPECT_NEAR(moments.mean[0], x.mean().item<double>(), 1e-12);
  EXPECT_NEAR(moments.std[0], x.std(false).item<double>(), 1e-12);
  EXPECT_EQ(moments.mean[1], 7);
  EXPECT_EQ(moments.std[1], 0);
}

TEST_F(Normalization, MomentsKeepTheirDigitsUnderALargeMean) {
  write_npy(config_.path, at::tensor({1e6, 1e6 + 1, 1e6 + 2, 1e6}).view({4, 1}));
  config_.held_out = 1;
  const auto set = make_dataset(config_, Split::kTrain, 0);
  const at::Tensor x = set->gather(std::vector<int64_t>{0, 1, 2}).to(at::kDouble);
  EXPECT_NEAR(channel_moments(*set).std[0], x.std(false).item<double>(), 1e-12);
}

TEST_F(Normalization, TrainingItemsBecomeStandardAndConstantsZero) {
  config_.normalize = true;
  const auto set = make_dataset(config_, Split::kTrain, 0);
  const at::Tensor x = set->gather(std::vector<int64_t>{0, 1});
  EXPECT_NEAR(x.select(1, 0).mean().item<double>(), 0, 1e-6);
  EXPECT_NEAR(x.select(1, 0).std(false).item<double>(), 1, 1e-6);
  EXPECT_TRUE(at::equal(x.select(1, 1), at::zeros({2, 4})));
}

TEST_F(Normalization, HeldOutItemsUseTheTrainingMoments) {
  config_.normalize = true;
  const auto train = make_dataset(config_, Split::kTrain, 0);
  const DataConfig resolved = with_normalization(config_, *train);
  const std::vector<int64_t> first{0};
  EXPECT_TRUE(at::equal(make_dataset(config_, Split::kHeldOut, 0)->gather(first),
                        make_dataset(resolved, Split::kHeldOut, 0)->gather(first)));
}

TEST_F(Normalization, SamplesComeBackInTheDatasUnits) {
  const auto plain = make_dataset(config_, Split::kTrain, 0);
  config_.normalize = true;
  const auto set = make_dataset(config_, Split::kTrain, 0);
  const std::vector<int64_t> both{0, 1};
  const at::Tensor back = to_data_units(set->gather(both), with_normalization(config_, *set));
  EXPECT_TRUE(at::allclose(back, plain->gather(both), 0, 1e-5));
}

TEST(PictureRange, IsThatOfTheDatasUnits) {
  using Ends = std::pair<double, double>;
  EXPECT_EQ(picture_range({}), Ends(-1, 1));
  EXPECT_EQ(picture_range({.path = "", .range = {0, 4095}, .mean = {2047.5}, .std = {2047.5}}),
            Ends(0, 4095));
  EXPECT_EQ(picture_range({.path = "", .normalize = true, .mean = {-0.5}, .std = {0.8}}),
            Ends(-1, 1));
  EXPECT_EQ(picture_range({.path = "", .normalize = true, .mean = {100, 110}, .std = {40, 20}}),
            Ends(0, 200));
  const DataConfig config{.path = "", .range = {0, 200}};
  const at::Tensor x = at::tensor({0.F, 100.F, 200.F}).view({1, 1, 1, 3});
  EXPECT_TRUE(at::equal(to_picture_range(x, config).flatten(), at::tensor({-1.F, 0.F, 1.F})));
}

TEST_F(Normalization, GivenMomentsAreUsedAndMustFit) {
  config_.normalize = true;
  config_.mean = {1, 2};
  config_.std = {10, 5};
  const auto set = make_dataset(config_, Split::kTrain, 0);
  EXPECT_TRUE(at::equal(set->gather(std::vector<int64_t>{0}).select(1, 1), at::ones({1, 4})));
  config_.mean = config_.std = {1};
  EXPECT_TRUE(contains(error_of(config_), "the data have 2 channels"));
}

}  // namespace
}  // namespace diffuse
