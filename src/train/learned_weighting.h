// Losses weighted by a learned measure of their size, so that all noise levels count equally.
#pragma once

#include <torch/nn/module.h>

namespace diffuse {

// u(t), one linear layer on the sinusoids of the network's time input. e^−u L + u is least at
// u = log L.                                                [Karras24] sec. 2.2, [Kendall18]
class LearnedWeighting : public torch::nn::Module {
 public:
  // Starts with u = 0. `time_scale`: the network's.
  explicit LearnedWeighting(double time_scale);

  // losses [B] with the network's time inputs told [B] -> e^−u loss + u [B].
  at::Tensor forward(const at::Tensor& losses, const at::Tensor& told) const;

 private:
  double time_scale_;
  at::Tensor weight_, bias_;
};

}  // namespace diffuse
