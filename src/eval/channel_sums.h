// Mean and standard deviation of each channel: the plainest check of samples, which shows a tint or
// a loss of contrast before any other figure does.
#pragma once

#include <ATen/core/Tensor.h>

#include "diffuse/data/dataset.h"

namespace diffuse {

// Sums from which the moments follow. Parts may be summed apart and merged.
class ChannelSums {
 public:
  void add(const at::Tensor& x);  // [B, C, ...], or points [B, D]: one channel for each dimension
  void merge(const ChannelSums& other);

  ChannelMoments moments() const;  // the std over n

 private:
  double count_ = 0;          // values of one channel
  at::Tensor sum_, squares_;  // float64 [C] on the CPU
};

}  // namespace diffuse
