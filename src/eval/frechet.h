// The Frechet distance of two sets of features, each taken for a Gaussian ([Heusel17]): with the
// features of Inception-v3 it is the FID.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse {

// N(mean, covariance), float64 on the CPU.
struct GaussianStatistics {
  at::Tensor mean;        // [D]
  at::Tensor covariance;  // [D, D], sums of squares over n - 1
};

// Sums over features, from which the statistics follow: parts may be summed apart and merged.
class FeatureSums {
 public:
  void add(const at::Tensor& features);  // [B, D]
  void merge(const FeatureSums& other);

  int64_t count() const { return count_; }
  GaussianStatistics statistics() const;  // of at least two features, else Error

 private:
  int64_t count_ = 0;
  at::Tensor sum_, products_;  // float64 [D], [D, D] on the CPU
};

// |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1^(1/2) S2 S1^(1/2))^(1/2), which is at least 0 and needs no
// square root of a matrix that is not symmetric. Throws Error with the reason where the statistics
// have no distance: other sizes, values that are not finite, a covariance with negative eigenvalues.
double frechet_distance(const GaussianStatistics& a, const GaussianStatistics& b);

}  // namespace diffuse
