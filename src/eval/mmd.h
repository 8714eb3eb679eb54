// The unbiased estimate of the squared maximum mean discrepancy, for any kernel.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace diffuse {

using Kernel = std::function<at::Tensor(const at::Tensor&, const at::Tensor&)>;

// x [N, D], y [M, D] float64 -> MMD^2, by blocks of rows: memory grows with N + M, not N M.
//   mean of k(x, x') over x != x', plus the same of y, minus twice the mean of k(x, y)
//   [Gretton12] lemma 6. It may be slightly negative.
double unbiased_mmd(const at::Tensor& x, const at::Tensor& y, const Kernel& kernel);

}  // namespace diffuse
