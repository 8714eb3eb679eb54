#include "src/eval/channel_sums.h"

#include <ATen/ATen.h>

namespace diffuse {

void ChannelSums::add(const at::Tensor& x) {
  const at::Tensor values = x.to(at::kCPU, at::kDouble).transpose(0, 1).reshape({x.size(1), -1});
  if (count_ == 0) {
    sum_ = at::zeros({values.size(0)}, at::kDouble);
    squares_ = at::zeros_like(sum_);
  }
  count_ += static_cast<double>(values.size(1));
  sum_ += values.sum(1);
  squares_ += values.square().sum(1);
}

void ChannelSums::merge(const ChannelSums& other) {
  if (other.count_ == 0) return;
  if (count_ == 0) {
    sum_ = at::zeros_like(other.sum_);
    squares_ = at::zeros_like(other.sum_);
  }
  count_ += other.count_;
  sum_ += other.sum_;
  squares_ += other.squares_;
}

ChannelMoments ChannelSums::moments() const {
  const at::Tensor mean = sum_ / count_;
  const at::Tensor deviation = (squares_ / count_ - mean.square()).clamp_min(0).sqrt();
  const auto list = [](const at::Tensor& x) {
    return std::vector<double>(x.const_data_ptr<double>(), x.const_data_ptr<double>() + x.numel());
  };
  return {list(mean), list(deviation)};
}

}  // namespace diffuse
