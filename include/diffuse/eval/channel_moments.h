// Mean and standard deviation of each channel: the plainest check of samples, which shows a tint or
// a loss of contrast before any other figure does.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse {

// Of images over their pixels, of points [B, D] for each coordinate. Parts may be merged.
class ChannelMoments {
 public:
  void add(const at::Tensor& x);  // [B, C, ...]
  void merge(const ChannelMoments& other);

  at::Tensor mean() const;       // float64 [C]
  at::Tensor deviation() const;  // float64 [C], over n

 private:
  double count_ = 0;  // values of one channel
  at::Tensor sum_, squares_;
};

}  // namespace diffuse
