// Gradients that operations add to their parameters' by themselves, many in a launch: a device that wants few
// kernels is spared one or two for each parameter.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

namespace diffuse {

// While one lives, what this thread computes may add the gradients of its parameters so. Blocks that are computed
// again for their gradients run on other threads, and leave theirs to autograd.
class DirectGradients {
 public:
  // The parameters' gradients lie in the memory of `all`.
  explicit DirectGradients(const at::Tensor& all);
  ~DirectGradients();  // drops what finish() has not added
  DirectGradients(const DirectGradients&) = delete;
  DirectGradients& operator=(const DirectGradients&) = delete;

  // What a backward pass adds the gradient of x to, instead of returning it to autograd: that of a parameter whose
  // gradient lies there. Undefined outside of a scope and for all else: return it.
  static at::Tensor of(const at::Tensor& x);

  // gradient += part, of the same sizes: by finish() at the latest, or at once if its scope has gone. `gradient`: from
  // of(), or a view of it. On any thread.
  static void add(const at::Tensor& gradient, const at::Tensor& part);

  // The same of the sums of the columns of `rows`, as in ops::cuda::ColumnTotals.
  static void add_columns(const at::Tensor& rows, const std::vector<at::Tensor>& gradients);

  // After the backward pass.
  void finish();

  struct Pending;

 private:
  std::unique_ptr<Pending> pending_;
  const void* outer_;
};

}  // namespace diffuse
