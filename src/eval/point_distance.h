// Distances of two sets of points, x [N, D] and y [M, D], without a feature network.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse {

// Mean over directions of the 2-Wasserstein distance of the projections ([Bonneel15]). Directions
// are evenly spaced over the half circle for D = 2, otherwise random and a function of `seed`.
double sliced_wasserstein(const at::Tensor& x, const at::Tensor& y, int64_t directions = 500,
                          uint64_t seed = 0);

// Unbiased MMD^2 of k(x, y) = exp(-|x - y|^2 / (2 h^2)), h the bandwidth ([Gretton12] lemma 6).
double gaussian_mmd(const at::Tensor& x, const at::Tensor& y, double bandwidth);

// The median distance between points, the usual bandwidth; uses at most 2,000 points, evenly spaced.
double median_distance(const at::Tensor& points);

}  // namespace diffuse
