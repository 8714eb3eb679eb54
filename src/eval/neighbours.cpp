#include "src/eval/neighbours.h"

#include <ATen/ATen.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "items.h"
#include "src/data/normalization.h"

namespace diffuse {

Neighbours nearest_items(const at::Tensor& x, const Dataset& data, int64_t count,
                         const std::function<void(int64_t done, int64_t total)>& progress) {
  TORCH_CHECK(count >= 1 && count <= data.size(), "nearest_items: ", count, " of ", data.size());
  constexpr int64_t kChunk = 1024;
  const at::Tensor samples = x.flatten(1).to(at::kCPU, at::kDouble);
  Neighbours best{at::empty({x.size(0), 0}, at::kLong), at::empty({x.size(0), 0}, at::kDouble)};
  std::vector<int64_t> numbers;
  for (int64_t begin = 0; begin < data.size(); begin += kChunk) {
    numbers.resize(std::min(kChunk, data.size() - begin));
    std::iota(numbers.begin(), numbers.end(), begin);
    const at::Tensor chunk = gather_data_units(data, numbers).flatten(1).to(at::kDouble);
    const at::Tensor distances =
        at::cat({best.distances, at::cdist(samples, chunk) / std::sqrt(samples.size(1))}, 1);
    const at::Tensor items =
        at::cat({best.items, at::tensor(numbers, at::kLong).expand({x.size(0), -1})}, 1);
    // A stable sort: for equal distances the lower index wins.
    const at::Tensor order =
        std::get<1>(at::sort(distances, /*stable=*/true, /*dim=*/1, /*descending=*/false))
            .slice(1, 0, count);
    best = {items.gather(1, order), distances.gather(1, order)};
    if (progress) progress(begin + std::ssize(numbers), data.size());
  }
  return best;
}

Estimate nearest_distance(const Neighbours& neighbours) {
  return estimate(neighbours.distances.select(1, 0));
}

}  // namespace diffuse
