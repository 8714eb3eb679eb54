#include "src/data/resident_images.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace diffuse {
namespace {

std::shared_ptr<const Dataset> shapes(int64_t channels) {
  DataConfig config;
  config.image_size = 8;
  config.channels = channels;
  config.count = 20;
  return make_dataset(config, Split::kTrain, 3);
}

// Batches that span two epochs, with flips: bit by bit what the loader reads and mirrors itself.
TEST(ResidentImages, GiveTheLoadersRows) {
  for (const int64_t channels : {1, 3}) {
    const auto data = shapes(channels);
    LoaderOptions options{.global_batch = 6, .rank_end = 6, .horizontal_flip = true, .seed = 4};
    BatchLoader plain(data, options);
    options.items_only = true;
    BatchLoader named(data, options);
    const ResidentImages images(data->bytes(), at::kCPU);
    bool mirrored = false;
    for (int step = 0; step < 8; ++step) {
      const Batch expected = plain.next(), batch = named.next();
      EXPECT_FALSE(batch.x.defined());
      EXPECT_TRUE(at::equal(images.gather(batch), expected.x)) << step;
      EXPECT_TRUE(at::equal(batch.labels, expected.labels));
      EXPECT_EQ(batch.first_sample, expected.first_sample);
      for (const StreamKey& key : batch.mirror) mirrored = mirrored || mirrors(key);
    }
    EXPECT_TRUE(mirrored);
  }
}

TEST(ResidentImages, AreNotMadeOnTheCpuNorOfOtherData) {
  EXPECT_EQ(ResidentImages::of(*shapes(1), at::kCPU), nullptr);
  DataConfig points;
  points.type = DataType::kSwissRoll;
  points.count = 10;
  EXPECT_FALSE(make_dataset(points, Split::kTrain, 1)->bytes().defined());
}

}  // namespace
}  // namespace diffuse
