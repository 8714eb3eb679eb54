// The linear layer.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <vector>

#include "initializer.h"

namespace diffuse {

// In all layers parameters have PyTorch's names and shapes, so that weights are interchangeable.
class Linear : public torch::nn::Module {
 public:
  Linear(Initializer& init, int64_t in, int64_t out, double scale = 1.0);
  at::Tensor forward(const at::Tensor& x) const;  // [..., in] -> [..., out]

  // Each layer's output for one x.
  static std::vector<at::Tensor> forward_all(const std::vector<const Linear*>& layers,
                                             const at::Tensor& x);

 private:
  at::Tensor weight_, bias_;
};

}  // namespace diffuse
