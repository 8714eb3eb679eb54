#include "src/core/cuda/random.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "tests/core/cuda/shim_launcher.h"

namespace diffuse {
namespace {

const std::vector<StreamKey> kKeys{{0, 0}, {7, 12345678901234}, {0xFFFFFFFFFFFFFFFF, 3}};

TEST(KernelRandom, WordsAreThoseOfTheStreams) {
  const shim::ShimLauncher launcher;
  const at::Tensor words =
      cuda::word_rows(cuda::key_rows(kKeys), Purpose::kAugment, {.fixed = 5}, 1027);
  for (size_t row = 0; row < kKeys.size(); ++row) {
    RandomStream stream(kKeys[row].seed, Purpose::kAugment, kKeys[row].index, 5);
    for (int64_t i = 0; i < 1027; ++i) ASSERT_EQ(words[row][i].item<int64_t>(), stream.next());
  }
}

TEST(KernelRandom, NormalsAreThoseOfTheCpuToTheLastBit) {
  const shim::ShimLauncher launcher;
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{3, 5, 7}, {1}, {2048}}) {
    const at::Tensor mine =
        cuda::normal_rows(cuda::key_rows(kKeys), Purpose::kNoise, {.fixed = 9}, shape);
    const at::Tensor wanted = normal_rows(kKeys, Purpose::kNoise, 9, shape);
    ASSERT_EQ(mine.sizes(), wanted.sizes());
    EXPECT_LE(((mine - wanted).abs() / wanted.abs()).max().item<double>(), 0x1p-23);
  }
}

TEST(KernelRandom, TheStepMayBeATensor) {
  const shim::ShimLauncher launcher;
  const at::Tensor step = at::scalar_tensor(9, at::kLong), keys = cuda::key_rows(kKeys);
  EXPECT_TRUE(at::equal(cuda::word_rows(keys, Purpose::kNoise, {.on_device = step}, 8),
                        cuda::word_rows(keys, Purpose::kNoise, {.fixed = 9}, 8)));
}

TEST(KernelRandom, BelowIsThatOfTheStreams) {
  const shim::ShimLauncher launcher;
  const std::vector<StreamKey> keys = consecutive_keys(3, 100, 300);
  // With the second, one draw in three is rejected and drawn again.
  for (const int64_t n : {int64_t{1000}, int64_t{6148914691236517206}}) {
    const at::Tensor drawn = cuda::below_rows(cuda::key_rows(keys), Purpose::kTimestep, {}, n);
    for (size_t i = 0; i < keys.size(); ++i)
      ASSERT_EQ(drawn[i].item<int64_t>(),
                RandomStream(keys[i].seed, Purpose::kTimestep, keys[i].index).below(n));
  }
}

TEST(KernelRandom, WithoutLauncherTheCpuHasNone) {
  EXPECT_FALSE(cuda::draws_random(c10::kCPU));
  const shim::ShimLauncher launcher;
  EXPECT_TRUE(cuda::draws_random(c10::kCPU));
}

}  // namespace
}  // namespace diffuse
