// The Inception Score ([Salimans16]): exp of the mean KL of p(class | image) from its mean.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse {

class InceptionScore {
 public:
  // Mean and standard deviation over splits.
  struct Result {
    double mean = 0;
    double deviation = 0;
  };

  // Split s holds samples [s n / splits, (s + 1) n / splits) of n.
  InceptionScore(int64_t n, int64_t splits);

  // Class probabilities [B, classes] of samples `first`, `first` + 1, ...
  void add(int64_t first, const at::Tensor& probabilities);
  void merge(const InceptionScore& other);  // from other samples of the same n

  Result result() const;

 private:
  int64_t n_, splits_;
  at::Tensor count_;        // float64 [splits]
  at::Tensor sum_;          // of p: float64 [splits, classes]
  at::Tensor neg_entropy_;  // sum of p log p: float64 [splits]
};

}  // namespace diffuse
