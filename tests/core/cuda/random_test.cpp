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

// Keeps each launch's blocks and where it writes.
class Launches : public cuda::KernelLauncher {
 public:
  bool prepare(const cuda::KernelModule&, c10::Device) override { return true; }
  void launch(const cuda::KernelModule&, const cuda::KernelCall& call, c10::Device,
              void** arguments) override {
    grids.push_back(call.grid);
    outputs.push_back(*static_cast<float**>(arguments[0]));
  }
  int64_t multiprocessors(c10::Device) override { return 1; }

  std::vector<std::array<int64_t, 2>> grids;
  std::vector<float*> outputs;
};

// 65535 is the most blocks along y that CUDA allows.
TEST(KernelRandom, DividesManyRowsAmongLaunches) {
  Launches launches;
  const cuda::KernelLauncherScope scope(&launches);
  const at::Tensor keys = at::zeros({70000, 2}, at::kLong);
  const at::Tensor out = cuda::normal_rows(keys, Purpose::kNoise, {.fixed = 0}, {3});
  EXPECT_EQ(launches.grids, (std::vector<std::array<int64_t, 2>>{{1, 65535}, {1, 4465}}));
  float* const begin = out.mutable_data_ptr<float>();
  EXPECT_EQ(launches.outputs, (std::vector<float*>{begin, begin + 3 * 65535}));
}

TEST(KernelRandom, WithoutLauncherTheCpuHasNone) {
  EXPECT_FALSE(cuda::draws_random(c10::kCPU));
  const shim::ShimLauncher launcher;
  EXPECT_TRUE(cuda::draws_random(c10::kCPU));
}

}  // namespace
}  // namespace diffuse
