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
  const at::Tensor fixed = cuda::normal_rows(keys, Purpose::kNoise, {.fixed = 9}, {8});
  EXPECT_TRUE(at::equal(cuda::normal_rows(keys, Purpose::kNoise, {.on_device = step}, {8}), fixed));
  EXPECT_FALSE(at::equal(cuda::normal_rows(keys, Purpose::kNoise, {.fixed = 8}, {8}), fixed));
}

TEST(KernelRandom, WithoutLauncherTheCpuHasNone) {
  EXPECT_FALSE(cuda::draws_random(c10::kCPU));
  const shim::ShimLauncher launcher;
  EXPECT_TRUE(cuda::draws_random(c10::kCPU));
}

}  // namespace
}  // namespace diffuse
