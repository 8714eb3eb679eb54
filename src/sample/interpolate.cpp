#include "diffuse/sample/interpolate.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace diffuse {

at::Tensor mix(const at::Tensor& a, const at::Tensor& b, const at::Tensor& shares, Mixing mixing) {
  std::vector<int64_t> shape(a.dim() + 1, 1);
  shape[0] = shares.size(0);
  const at::Tensor s = shares.to(a.options()).view(shape);
  const double cosine =
      ((a * b).sum() / (a.square().sum() * b.square().sum()).sqrt()).item<double>();
  const double angle = std::acos(std::clamp(cosine, -1.0, 1.0));
  // Parallel vectors have no arc, opposite ones no unique arc.
  if (mixing == Mixing::kLinear || !(std::sin(angle) > 1e-6)) return (1 - s) * a + s * b;
  return (((1 - s) * angle).sin() * a + (s * angle).sin() * b) / std::sin(angle);
}

}  // namespace diffuse
