// The group normalisation layer.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>

#include "initializer.h"
#include "ops/group_norm.h"

namespace diffuse {

class GroupNorm : public torch::nn::Module {
 public:
  GroupNorm(const Initializer& init, int64_t groups, int64_t channels, double eps);

  at::Tensor forward(const at::Tensor& x) const;  // x [B, C, H, W] -> norm(x), its dtype kept

  // dropout(silu((1 + scale) norm(in) + offset))
  at::Tensor silu(const ops::NormInput& in, const ops::Modulation& modulation = {},
                  const ops::Dropout& dropout = {}) const;

  // norm(x) and silu(norm(in)), with the inputs for who uses them again.
  ops::Normed forward_passing(const at::Tensor& x) const;
  ops::Normed silu_passing(const ops::NormInput& in) const;

 private:
  ops::Norm norm() const { return {weight_, bias_, groups_, eps_}; }

  at::Tensor weight_, bias_;
  int64_t groups_;
  double eps_;
};

}  // namespace diffuse
