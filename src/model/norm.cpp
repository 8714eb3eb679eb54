#include "norm.h"

#include "src/model/layer_watch.h"

namespace diffuse {

GroupNorm::GroupNorm(const Initializer& init, int64_t groups, int64_t channels, double eps)
    : weight_(register_parameter("weight", init.full(channels, 1))),
      bias_(register_parameter("bias", init.full(channels, 0))),
      groups_(groups),
      eps_(eps) {}

at::Tensor GroupNorm::forward(const at::Tensor& x) const {
  return LayerWatch::watched(*this, ops::group_norm({{x}}, norm()));
}

at::Tensor GroupNorm::silu(const ops::NormInput& in, const ops::Modulation& modulation,
                           const ops::Dropout& dropout) const {
  return LayerWatch::watched(*this, ops::group_norm_silu(in, norm(), modulation, dropout));
}

}  // namespace diffuse
