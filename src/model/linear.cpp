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

}  // namespace diffuse
