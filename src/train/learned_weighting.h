// Losses weighted by a learned measure of their size, so that every noise level counts alike.
#pragma once

#include <torch/nn/module.h>

namespace diffuse {

// u(t), one linear layer on the sinusoids of what the network is told of the time. e^−u L + u is least at
// u = log L.                                                [Karras24] sec. 2.2, [Kendall18]
class LearnedWeighting : public torch::nn::Module {
 public:
  // Begins with u = 0. `time_scale` as of the network.
  explicit LearnedWeighting(double time_scale);

  // losses [B] at times told [B] -> e^−u loss + u [B].
  at::Tensor forward(const at::Tensor& losses, const at::Tensor& told) const;

 private:
  double time_scale_;
  at::Tensor weight_, bias_;
};

}  // namespace diffuse
