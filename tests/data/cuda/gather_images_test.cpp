// The kernel that gathers images, run on the CPU, against the CPU's loader.
#include "src/data/cuda/gather_images.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

#include "src/core/cuda/random.h"
#include "tests/core/cuda/shim_launcher.h"

namespace diffuse {
namespace {

// The formula of Dataset::gather and the mirroring of BatchLoader.
at::Tensor wanted(const at::Tensor& pixels, const at::Tensor& items,
                  const std::vector<StreamKey>& keys) {
  at::Tensor x = pixels.index_select(0, items).to(at::kFloat) / 127.5f - 1.0f;
  for (size_t row = 0; row < keys.size(); ++row)
    if (RandomStream(keys[row].seed, Purpose::kAugment, keys[row].index).next() % 2 != 0)
      x[static_cast<int64_t>(row)] = x[static_cast<int64_t>(row)].flip({2}).clone();
  return x;
}

TEST(KernelGatherImages, GathersScalesAndMirrors) {
  const shim::ShimLauncher launcher;
  const at::Tensor items = at::tensor({4, 0, 4, 2, 1, 3, 3}, at::kLong);
  const std::vector<StreamKey> keys = consecutive_keys(11, 1000, 7);
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{5, 3, 32, 32}, {5, 1, 28, 28}, {5, 4, 7, 5}}) {
    const at::Tensor pixels = at::randint(0, 256, shape, at::kByte);
    for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast})
      for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
        const at::Tensor plain = cuda::gather_images(pixels, items, {}, type, format),
                         flipped =
                             cuda::gather_images(pixels, items, cuda::key_rows(keys), type, format);
        EXPECT_TRUE(plain.is_contiguous(format));
        EXPECT_TRUE(at::equal(plain, wanted(pixels, items, {}).to(type)));
        EXPECT_TRUE(at::equal(flipped, wanted(pixels, items, keys).to(type)));
        EXPECT_FALSE(at::equal(flipped, plain));
      }
  }
}

}  // namespace
}  // namespace diffuse
