#include "diffuse/eval/channel_moments.h"

#include <ATen/ATen.h>

namespace diffuse {

void ChannelMoments::add(const at::Tensor& x) {
  const at::Tensor values = x.to(at::kCPU, at::kDouble).transpose(0, 1).reshape({x.size(1), -1});
  if (count_ == 0) {
    sum_ = at::zeros({values.size(0)}, at::kDouble);
    squares_ = at::zeros_like(sum_);
  }
  count_ += static_cast<double>(values.size(1));
  sum_ += values.sum(1);
  squares_ += values.square().sum(1);
}

void ChannelMoments::merge(const ChannelMoments& other) {
  if (other.count_ == 0) return;
  if (count_ == 0) {
    sum_ = at::zeros_like(other.sum_);
    squares_ = at::zeros_like(other.sum_);
  }
  count_ += other.count_;
  sum_ += other.sum_;
  squares_ += other.squares_;
}

at::Tensor ChannelMoments::mean() const { return sum_ / count_; }

at::Tensor ChannelMoments::deviation() const {
  return (squares_ / count_ - mean().square()).clamp_min(0).sqrt();
}

}  // namespace diffuse
