#include "random.h"

#include <ATen/ops/empty.h>
#include <c10/util/accumulate.h>

#include <algorithm>

#include "kernel_launcher.h"

namespace diffuse::cuda {

static constexpr KernelModule kRandom{"src/core/cuda/kernels/random.cuh", c10::kFloat};
static constexpr int64_t kRandomThreads = 256;

at::Tensor key_rows(std::span<const StreamKey> keys) {
  const at::Tensor rows = at::empty({std::ssize(keys), 2}, at::kLong);
  int64_t* out = rows.mutable_data_ptr<int64_t>();
  for (const StreamKey& key : keys) {
    *out++ = static_cast<int64_t>(key.seed);
    *out++ = static_cast<int64_t>(key.index);
  }
  return rows;
}

bool draws_random(c10::Device device) {
  return kernels_for(device, kRandom.storage, kRandom.text) != nullptr;
}

at::Tensor normal_rows(const at::Tensor& keys, Purpose purpose, const StreamStep& step,
                       const std::vector<int64_t>& shape) {
  const int64_t rows = keys.size(0), width = c10::multiply_integers(shape);
  std::vector<int64_t> sizes{rows};
  sizes.insert(sizes.end(), shape.begin(), shape.end());
  const at::Tensor out = at::empty(sizes, keys.options().dtype(at::kFloat));
  if (out.numel() == 0) return out;
  const at::Tensor contiguous = keys.contiguous();
  const int64_t* const at_step =
      step.on_device.defined() ? step.on_device.const_data_ptr<int64_t>() : nullptr;
  const int64_t words = 4 * kRandomThreads;  // of a block of threads
  for (int64_t first = 0; first < rows; first += kMostRows) {
    const int64_t count = std::min(kMostRows, rows - first);
    launch(*kernels_for(keys.device(), kRandom.storage, kRandom.text), kRandom,
           {"fill_normals", {(width + words - 1) / words, count}, kRandomThreads}, keys.device(),
           out.narrow(0, first, count).mutable_data_ptr(),
           contiguous.narrow(0, first, count).const_data_ptr<int64_t>(), at_step,
           static_cast<long long>(step.fixed), static_cast<long long>(purpose),
           static_cast<long long>(width));
  }
  return out;
}

}  // namespace diffuse::cuda
