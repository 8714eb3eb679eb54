// The grey value of colours.
#pragma once

#include <ATen/TensorOperators.h>

#include <array>

namespace diffuse {

inline constexpr std::array<double, 3> kLuminance{0.299, 0.587, 0.114};  // shares of R, G and B

// Of x [B, 3, H, W]: [B, 1, H, W].
inline at::Tensor luminance(const at::Tensor& x) {
  return kLuminance[0] * x.narrow(1, 0, 1) + kLuminance[1] * x.narrow(1, 1, 1) +
         kLuminance[2] * x.narrow(1, 2, 1);
}

}  // namespace diffuse
