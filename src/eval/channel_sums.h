// Mean and standard deviation of each channel: the simplest check of samples, and the most sensitive to a
// tint or a loss of contrast.
#pragma once

#include <ATen/core/Tensor.h>

#include "diffuse/data/dataset.h"

namespace diffuse {

// Sums for the moments. Parts may be summed separately and merged.
class ChannelSums {
 public:
  void add(const at::Tensor& x);  // [B, C, ...], or points [B, D]: one channel per dimension
  void merge(const ChannelSums& other);

  ChannelMoments moments() const;  // the std over n

 private:
  double count_ = 0;          // values of one channel
  at::Tensor sum_, squares_;  // float64 [C] on the CPU
};

}  // namespace diffuse
