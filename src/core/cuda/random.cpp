#include "random.h"

#include <ATen/ops/empty.h>
#include <c10/util/accumulate.h>

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

// fill_... of the kernels' text; more: what follows the purpose.
template <class... More>
static void draw(const char* kernel, int64_t blocks, int64_t rows, const at::Tensor& out,
                 const at::Tensor& keys, Purpose purpose, const StreamStep& step, More... more) {
  if (out.numel() == 0) return;
  const at::Tensor contiguous = keys.contiguous();
  const int64_t* const at_step =
      step.on_device.defined() ? step.on_device.const_data_ptr<int64_t>() : nullptr;
  launch(*kernels_for(keys.device(), kRandom.storage, kRandom.text), kRandom,
         {kernel, {blocks, rows}, kRandomThreads}, keys.device(), out.mutable_data_ptr(),
         contiguous.const_data_ptr<int64_t>(), at_step, static_cast<long long>(step.fixed),
         static_cast<long long>(purpose), static_cast<long long>(more)...);
}

static int64_t blocks_for(int64_t threads) {
  return (threads + kRandomThreads - 1) / kRandomThreads;
}

at::Tensor normal_rows(const at::Tensor& keys, Purpose purpose, const StreamStep& step,
                       const std::vector<int64_t>& shape) {
  const int64_t rows = keys.size(0), width = c10::multiply_integers(shape);
  const at::Tensor out = at::empty({rows, width}, keys.options().dtype(at::kFloat));
  draw("fill_normals", blocks_for((width + 3) / 4), rows, out, keys, purpose, step, width);
  std::vector<int64_t> sizes{rows};
  sizes.insert(sizes.end(), shape.begin(), shape.end());
  return out.view(sizes);
}

at::Tensor word_rows(const at::Tensor& keys, Purpose purpose, const StreamStep& step,
                     int64_t count) {
  const at::Tensor out = at::empty({keys.size(0), count}, keys.options());
  draw("fill_words", blocks_for(count), keys.size(0), out, keys, purpose, step, count);
  return out;
}

at::Tensor below_rows(const at::Tensor& keys, Purpose purpose, const StreamStep& step, int64_t n) {
  const at::Tensor out = at::empty({keys.size(0)}, keys.options());
  draw("fill_below", blocks_for(keys.size(0)), 1, out, keys, purpose, step, keys.size(0), n);
  return out;
}

}  // namespace diffuse::cuda
