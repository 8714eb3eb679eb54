// Interpolation between two samples or their noisy states.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse {

enum class Mixing { kLinear, kSpherical };

// a, b [...] and shares [N] in 0 .. 1 -> [N, ...]: from a (0) to b (1).
//   linear     (1 - s) a + s b                                                 [Ho20] sec. 4.3
//   spherical  along the arc from a to b: (sin((1 - s) w) a + sin(s w) b) / sin w, with w the angle
//              between them; preserves the norm, and so the noise level
at::Tensor mix(const at::Tensor& a, const at::Tensor& b, const at::Tensor& shares, Mixing mixing);

}  // namespace diffuse
