// Many sums at once, in few launches.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <vector>

namespace diffuse::ops::cuda {

constexpr size_t kMostOfLaunch = 80;  // sums whose arguments CUDA passes to a kernel

// to += from, of the same sizes; to is float32.
struct Addition {
  at::Tensor to, from;
};

// All of them, of one device and to different places; by LibTorch where the kernel does not take them.
void add_all(const std::vector<Addition>& additions);

// The sums of the columns of from [R, C], contiguous, in float32: those of the first C / n columns in the first of
// the n <= 3 contiguous tensors `to`, and so on; where one is undefined its columns are left out. C is a multiple of n.
struct ColumnTotals {
  at::Tensor from;
  std::vector<at::Tensor> to;
};

// Whether the kernel exists for from's type.
bool takes_column_totals(c10::Device device, at::ScalarType type);

// All of them, of one device; `added` to what is there.
void total_columns(const std::vector<ColumnTotals>& totals, bool added);

}  // namespace diffuse::ops::cuda
