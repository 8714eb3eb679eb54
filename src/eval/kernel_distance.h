// The kernel distance of two sets of features ([Binkowski18]): with Inception-v3 features it is the KID.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse {

struct KernelDistanceOptions {
  int64_t subsets = 100;
  int64_t subset_size = 1000;  // at most; fewer if a set is smaller
  uint64_t seed = 0;           // of the choice of subsets
};

// Mean and standard deviation of MMD^2 over subsets.
struct KernelDistance {
  double mean = 0;
  double deviation = 0;
  int64_t subsets = 0, subset_size = 0;  // as used: one subset if it contains both sets
};

// Unbiased MMD^2 of k(x, y) = (x . y / D + 1)^3, x [N, D], y [M, D].
double polynomial_mmd(const at::Tensor& x, const at::Tensor& y);

// Its mean over random subsets, drawn from both sets without replacement.
KernelDistance kernel_distance(const at::Tensor& samples, const at::Tensor& data,
                               const KernelDistanceOptions& options = {});

}  // namespace diffuse
