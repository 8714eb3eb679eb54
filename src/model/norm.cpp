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

static ops::Normed watched(const GroupNorm& layer, ops::Normed out) {
  out.y = LayerWatch::watched(layer, out.y);
  return out;
}

ops::Normed GroupNorm::forward_passing(const at::Tensor& x) const {
  return watched(*this, ops::group_norm_passing({{x}}, norm()));
}

ops::Normed GroupNorm::silu_passing(const ops::NormInput& in) const {
  return watched(*this, ops::group_norm_silu_passing(in, norm()));
}

}  // namespace diffuse
