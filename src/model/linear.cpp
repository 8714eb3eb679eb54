#include "linear.h"

#include "ops/linear.h"
#include "src/model/layer_watch.h"

namespace diffuse {

Linear::Linear(Initializer& init, int64_t in, int64_t out, double scale)
    : weight_(register_parameter("weight", init.variance_scaling({out, in}, scale))),
      bias_(register_parameter("bias", init.full(out, 0))) {}

at::Tensor Linear::forward(const at::Tensor& x) const {
  return LayerWatch::watched(*this, ops::linear(x, weight_, bias_));
}

std::vector<at::Tensor> Linear::forward_all(const std::vector<const Linear*>& layers,
                                            const at::Tensor& x) {
  std::vector<at::Tensor> weights, biases;
  for (const Linear* const layer : layers) {
    weights.push_back(layer->weight_);
    biases.push_back(layer->bias_);
  }
  std::vector<at::Tensor> outputs = ops::linears(x, weights, biases);
  for (size_t i = 0; i < layers.size(); ++i)
    outputs[i] = LayerWatch::watched(*layers[i], outputs[i]);
  return outputs;
}

}  // namespace diffuse
