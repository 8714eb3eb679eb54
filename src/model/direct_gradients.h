// Gradients that operations add to their parameters' by themselves: a device that wants few kernels is spared one or
// two for each parameter.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace diffuse {

// While one lives, backward passes of what this thread computes forward may do so. One at a time in a process.
class DirectGradients {
 public:
  DirectGradients();
  ~DirectGradients();
  DirectGradients(const DirectGradients&) = delete;
  DirectGradients& operator=(const DirectGradients&) = delete;

  // The gradient of the parameter `x` for a backward pass to add to, which then returns none; undefined outside of
  // a scope, and where x is no parameter or has no gradient yet.
  static at::Tensor of(const at::Tensor& x);

  // Adds `part`, of the same sizes, to (a view of) what of() returned: in a scope, by finish() with all others.
  static void add(const at::Tensor& gradient, const at::Tensor& part);

  // Adds the sums of the columns of `rows`, as in ops::cuda::ColumnTotals.
  static void add_columns(const at::Tensor& rows, const std::vector<at::Tensor>& gradients);

  // After the backward pass.
  static void finish();
};

}  // namespace diffuse
