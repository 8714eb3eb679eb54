// The Frechet distance of two sets of features, each approximated by a Gaussian ([Heusel17]): with
// Inception-v3 features it is the FID.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse {

// N(mean, covariance), float64 on the CPU.
struct GaussianStatistics {
  at::Tensor mean;        // [D]
  at::Tensor covariance;  // [D, D], sums of squares over n - 1
};

// Sums over features, for the statistics. Parts may be summed separately and merged.
class FeatureSums {
 public:
  void add(const at::Tensor& features);  // [B, D]
  void merge(const FeatureSums& other);

  int64_t count() const { return count_; }
  GaussianStatistics statistics() const;  // throws Error for fewer than two features

 private:
  int64_t count_ = 0;
  at::Tensor sum_, products_;  // float64 [D], [D, D] on the CPU
};

// |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1^(1/2) S2 S1^(1/2))^(1/2), at least 0. All square roots are of
// symmetric matrices. Throws Error with the reason if the statistics have no distance: unequal sizes,
// non-finite values, a covariance with negative eigenvalues.
double frechet_distance(const GaussianStatistics& a, const GaussianStatistics& b);

}  // namespace diffuse
