// Arrays as data: .npy and .npz files of points, signals, images and bytes.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "src/arrays/array_file.h"
#include "src/arrays/safetensors.h"
#include "tests/data/data_files.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

class ArraySet : public testing::Test {
 protected:
  DataConfig npy(const at::Tensor& array) const {
    write_npy(folder_.path() / "x.npy", array);
    return config("x.npy");
  }
  DataConfig npz(const std::vector<std::pair<std::string, at::Tensor>>& arrays) const {
    write_npz(folder_.path() / "x.npz", arrays);
    return config("x.npz");
  }
  DataConfig config(const std::string& name) const {
    DataConfig config{.type = DataType::kArray, .path = (folder_.path() / name).string()};
    config.held_out = 1;
    return config;
  }

  const TestFolder folder_;
};

std::shared_ptr<const Dataset> training(const DataConfig& config) {
  return make_dataset(config, Split::kTrain, 0);
}

using Shape = std::vector<int64_t>;

TEST_F(ArraySet, NumbersArePointsSignalsOrImages) {
  EXPECT_EQ(training(npy(at::zeros({4, 5})))->sample_shape(), (Shape{5}));
  EXPECT_EQ(training(npy(at::zeros({4, 2, 9})))->sample_shape(), (Shape{2, 9}));
  EXPECT_EQ(training(npy(at::zeros({4, 2, 6, 7})))->sample_shape(), (Shape{2, 6, 7}));
}

TEST_F(ArraySet, SafetensorsAreReadByName) {
  write_safetensors(folder_.path() / "x.safetensors",
                    {{{"signals", at::arange(24).view({4, 2, 3}).to(at::kFloat)},
                      {"kinds", at::tensor({0, 1, 1, 0})}},
                     {}});
  DataConfig config = this->config("x.safetensors");
  config.labels = "kinds";
  EXPECT_EQ(training(config)->sample_shape(), (Shape{2, 3}));
  EXPECT_EQ(training(config)->class_names().size(), 2u);
  config.array = "signal";
  EXPECT_EQ(error_of(config), (folder_.path() / "x.safetensors").string() +
                                  ": no array \"signal\"; it has kinds, signals; did you mean "
                                  "\"signals\"?");
}

TEST_F(ArraySet, EveryNumberArrivesOnceAndUnchanged) {
  for (const auto type : {at::kHalf, at::kFloat, at::kDouble, at::kShort, at::kLong}) {
    const DataConfig config = npy(at::arange(12).view({6, 2}).to(type));
    std::vector<float> found = all_values(*training(config));
    const auto held_out = all_values(*make_dataset(config, Split::kHeldOut, 0));
    found.insert(found.end(), held_out.begin(), held_out.end());
    std::sort(found.begin(), found.end());
    for (size_t i = 0; i < 12; ++i) EXPECT_EQ(found.at(i), static_cast<float>(i)) << type;
  }
}

TEST_F(ArraySet, BytesAreImagesInEitherOrderOfAxes) {
  const at::Tensor nchw = at::arange(120).view({2, 3, 5, 4}).to(at::kByte);
  const auto expected = pixels(*training(npy(nchw)), {0});
  const DataConfig nhwc = npy(nchw.permute({0, 2, 3, 1}).contiguous());
  EXPECT_EQ(training(nhwc)->sample_shape(), (Shape{3, 5, 4}));
  EXPECT_EQ(pixels(*training(nhwc), {0}), expected);
  EXPECT_EQ(training(npy(at::zeros({5, 7, 7}, at::kByte)))->sample_shape(), (Shape{1, 7, 7}));
}

TEST_F(ArraySet, TakesClassesFromAnotherArrayOfTheFile) {
  DataConfig config =
      npz({{"x", at::arange(4).view({4, 1}).to(at::kFloat)}, {"y", at::tensor({0, 2, 0, 2})}});
  config.labels = "y";
  const auto set = training(config);
  EXPECT_EQ(set->class_names(), (std::vector<std::string>{"0", "1", "2"}));
  for (int64_t i = 0; i < set->size(); ++i)
    EXPECT_EQ(set->label(i), static_cast<int64_t>(values(*set, {i})[0]) % 2 * 2);
}

TEST_F(ArraySet, TakesClassesFromAColumnOrWholeFloats) {
  const at::Tensor classes = at::tensor({1, 1, 1, 1});
  for (const at::Tensor& y : {classes.view({4, 1}), classes.to(at::kDouble)}) {
    DataConfig config = npz({{"x", at::zeros({4, 2})}, {"y", y}});
    config.labels = "y";
    EXPECT_EQ(training(config)->label(0), 1) << y.scalar_type();
  }
}

TEST_F(ArraySet, AsksWhichOfSeveralArrays) {
  DataConfig config = npz({{"a", at::zeros({4, 2})}, {"b", at::ones({4, 2})}});
  EXPECT_TRUE(contains(error_of(config),
                       "expected data.array to select one of a, b; for example "
                       "--set data.array=a, and data.labels if one has class numbers"))
      << error_of(config);
  config.array = "b";
  EXPECT_EQ(values(*training(config), {0}), (std::vector<float>{1, 1}));
  config.array = "c";
  EXPECT_TRUE(contains(error_of(config), "no array \"c\"")) << error_of(config);
}

TEST_F(ArraySet, LeavesOutNumbersThatAreNotFiniteWhenAsked) {
  at::Tensor array = at::ones({5, 2});
  array[3][1] = std::numeric_limits<float>::quiet_NaN();
  DataConfig config = npy(array);
  EXPECT_TRUE(contains(error_of(config), "item 3 contains numbers that are not finite"));
  config.on_error = OnError::kSkip;
  EXPECT_EQ(training(config)->size(), 3);
  EXPECT_EQ(all_values(*training(config)), std::vector<float>(6, 1.0F));
}

TEST_F(ArraySet, RefusesOtherShapes) {
  EXPECT_TRUE(contains(error_of(npy(at::zeros({4}))), "expected N x D points"));
  EXPECT_TRUE(contains(error_of(npy(at::zeros({4, 1, 1, 1, 1}))), "expected N x D points"));
  EXPECT_TRUE(contains(error_of(npy(at::zeros({4, 2, 2, 2}, at::kByte))), "expected images"));
  EXPECT_TRUE(contains(error_of(npy(at::zeros({0, 2}))), "an empty array"));
  DataConfig resized = npy(at::zeros({4, 1, 8, 8}));
  resized.image_size = 4;
  EXPECT_TRUE(contains(error_of(resized), "numbers are not resized"));
  DataConfig flipped = npy(at::zeros({4, 1, 8}));
  flipped.horizontal_flip = true;
  EXPECT_TRUE(contains(error_of(flipped), "holds signals"));
}

// What its numbers are is only known once it is unpacked: here they are damaged.
TEST_F(ArraySet, IsRefusedForItsSizeBeforeItIsUnpacked) {
  DataConfig config = npz({{"x", at::zeros({1024, 1024})}});
  config.memory_limit_mb = 1;
  Bytes bytes(1 << 20, 1);
  std::fstream(config.path, std::ios::in | std::ios::out | std::ios::binary)
      .seekp(1 << 20)
      .write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
  EXPECT_TRUE(contains(error_of(config), "data.memory_limit_mb")) << error_of(config);
  config.memory_limit_mb = 4096;
  EXPECT_FALSE(contains(error_of(config), "data.memory_limit_mb")) << error_of(config);
}

TEST_F(ArraySet, CountsNumbersAsTheyAreKept) {
  DataConfig config = npy(at::zeros({1024, 512}, at::kChar));
  config.memory_limit_mb = 1;
  EXPECT_TRUE(contains(error_of(config), "2 MB of pixels")) << error_of(config);
  config.memory_limit_mb = 2;
  EXPECT_EQ(error_of(config), "");
}

TEST_F(ArraySet, SaysWhereChannelsComeLast) {
  const std::string last = error_of(npy(at::zeros({4, 16, 16, 3})));
  EXPECT_TRUE(contains(last, "Float [4, 16, 16, 3] looks like N x H x W x C; transpose it"))
      << last;
  EXPECT_EQ(error_of(npy(at::zeros({4, 16, 4, 4}))), "");  // of 16 channels
  EXPECT_EQ(error_of(npy(at::zeros({4, 3, 16, 16}))), "");
}

TEST_F(ArraySet, OfBytesHasItsRangeAlready) {
  DataConfig bytes = npy(at::zeros({4, 3, 8, 8}, at::kByte));
  bytes.range = {0, 255};
  EXPECT_TRUE(contains(error_of(bytes), "/data/range: expected none")) << error_of(bytes);
}

TEST_F(ArraySet, RefusesLabelsThatDoNotFit) {
  for (const at::Tensor& labels :
       {at::zeros({3}, at::kLong), at::full({4}, 0.5), at::full({4}, -1L), at::eye(4)}) {
    DataConfig config = npz({{"x", at::zeros({4, 2})}, {"y", labels}});
    config.labels = "y";
    EXPECT_TRUE(contains(error_of(config), "data.labels")) << error_of(config);
  }
}

}  // namespace
}  // namespace diffuse
