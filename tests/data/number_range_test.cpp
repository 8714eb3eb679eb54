#include "src/data/number_range.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/arrays/array_file.h"
#include "src/data/normalization.h"
#include "tests/data/data_files.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

class NumberRangeOf : public testing::Test {
 protected:
  // An array of four items 1 x 1 x 2, the numbers of `ends` in each.
  DataConfig config(const std::vector<double>& ends) const {
    write_npy(folder_.path() / "x.npy",
              at::tensor(ends, at::kDouble).view({1, 1, 1, 2}).repeat({4, 1, 1, 1}));
    DataConfig config{.type = DataType::kArray, .path = (folder_.path() / "x.npy").string()};
    config.held_out = 1;
    return config;
  }
  static std::string refusal(const DataConfig& config) {
    return message_of([&] { check_scale(config, *make_dataset(config, Split::kTrain, 0), true); });
  }

  const TestFolder folder_;
};

TEST_F(NumberRangeOf, ASetIsThatOfAllItsItems) {
  const NumberRange range = range_of(*make_dataset(config({-3, 7}), Split::kTrain, 0));
  EXPECT_EQ(range.least, -3);
  EXPECT_EQ(range.most, 7);
}

TEST_F(NumberRangeOf, ImagesWithinTheClipIsTaken) {
  EXPECT_EQ(refusal(config({-1, 1})), "");
  EXPECT_EQ(refusal(config({-1.0001, 1.0001})), "");  // rounding
  EXPECT_EQ(refusal(config({0, 1})), "");
}

TEST_F(NumberRangeOf, ImagesBeyondTheClipIsRefusedWithWhatToSet) {
  const std::string bytes = refusal(config({0, 250}));
  EXPECT_TRUE(contains(bytes, "numbers from 0 to 250")) << bytes;
  EXPECT_TRUE(contains(bytes, "data.range=[0,255]")) << bytes;
  EXPECT_TRUE(contains(bytes, "sample.clip_x0=false")) << bytes;
  EXPECT_TRUE(contains(refusal(config({0, 3000})), "data.range=[0,4095]"));
  EXPECT_TRUE(contains(refusal(config({-1000, 3000})), "data.range=[-1000,3000]"));
}

TEST_F(NumberRangeOf, ImagesIsJudgedOnTheScaleOfRange) {
  DataConfig scaled = config({-1000, 3000});
  scaled.range = {-1024, 3071};
  EXPECT_EQ(refusal(scaled), "");
  scaled.range = {0, 3071};
  EXPECT_TRUE(contains(refusal(scaled), "which go from -1000 to 3000")) << refusal(scaled);
}

TEST_F(NumberRangeOf, AnArrayIsBroughtToOneAndBack) {
  DataConfig scaled = config({-1000, 3000});
  scaled.range = {-1000, 3000};
  const auto set = make_dataset(scaled, Split::kTrain, 0);
  EXPECT_EQ(values(*set, {0}), (std::vector<float>{-1, 1}));
  const DataConfig resolved = with_normalization(scaled, *set);
  EXPECT_EQ(resolved.mean, std::vector<double>{1000});
  const at::Tensor back = to_data_units(set->gather(std::vector<int64_t>{0}), resolved);
  EXPECT_TRUE(at::equal(back.flatten(), at::tensor({-1000.F, 3000.F})));
  EXPECT_TRUE(at::equal(to_picture_range(back, resolved).flatten(), at::tensor({-1.F, 1.F})));
}

}  // namespace
}  // namespace diffuse
