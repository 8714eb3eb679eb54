#include "mmd.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "diffuse/core/error.h"

namespace diffuse {

// Sum of k(x_i, y_j) over all pairs; with `apart`, for x = y, over i != j.
static double kernel_sum(const at::Tensor& x, const at::Tensor& y, const Kernel& kernel,
                         bool apart) {
  constexpr int64_t kBlock = 1024;
  double sum = 0;
  for (int64_t begin = 0; begin < x.size(0); begin += kBlock) {
    const at::Tensor block = kernel(x.slice(0, begin, begin + kBlock), y);
    sum += block.sum().item<double>();
    if (apart) sum -= block.diagonal(begin).sum().item<double>();
  }
  return sum;
}

double unbiased_mmd(const at::Tensor& x, const at::Tensor& y, const Kernel& kernel) {
  const auto n = static_cast<double>(x.size(0)), m = static_cast<double>(y.size(0));
  if (std::min(n, m) < 2)
    throw Error("a kernel distance needs at least 2 samples on each side, got ", n, " and ", m);
  return kernel_sum(x, x, kernel, true) / (n * (n - 1)) +
         kernel_sum(y, y, kernel, true) / (m * (m - 1)) -
         2 * kernel_sum(x, y, kernel, false) / (n * m);
}

}  // namespace diffuse
