#include "diffuse/core/random_tensor.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <functional>
#include <numeric>

namespace diffuse {

at::Tensor normal_rows(std::span<const StreamKey> keys, Purpose purpose, uint32_t step,
                       const std::vector<int64_t>& shape) {
  const auto rows = static_cast<int64_t>(keys.size());
  const int64_t width =
      std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
  const at::Tensor noise = at::empty({rows, width}, at::kFloat);
  float* const data = noise.data_ptr<float>();
  at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      RandomStream(keys[row].seed, purpose, keys[row].index, step)
          .fill_normal({data + row * width, static_cast<size_t>(width)});
  });
  std::vector<int64_t> sizes{rows};
  sizes.insert(sizes.end(), shape.begin(), shape.end());
  return noise.view(sizes);
}

std::vector<StreamKey> consecutive_keys(uint64_t seed, uint64_t first, int64_t count) {
  std::vector<StreamKey> keys(count);
  for (int64_t i = 0; i < count; ++i) keys[i] = {seed, first + i};
  return keys;
}

}  // namespace diffuse
