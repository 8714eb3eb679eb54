// The exact network for Gaussian data, and how near tensors are to each other.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "diffuse/diffusion/gaussian_diffusion.h"

namespace diffuse {

// ε of x_t [B, D] for data N(0, s2) on a chain: √(1 − ᾱ) / (ᾱ s² + 1 − ᾱ) x_t.
inline Denoiser oracle(const GaussianDiffusion& diffusion, double s2) {
  const at::Tensor ab = diffusion.schedule().alpha_bar();
  const at::Tensor factor = (1 - ab).sqrt() / (ab * s2 + 1 - ab);
  return [factor](const at::Tensor& x, const at::Tensor& t) {
    return x * factor.index_select(0, t.to(at::kLong)).to(x.scalar_type()).view({-1, 1});
  };
}

inline void expect_close(const at::Tensor& value, const at::Tensor& expected, double tolerance) {
  EXPECT_TRUE(at::allclose(value, expected, tolerance, tolerance))
      << "largest difference " << (value - expected).abs().max().item<double>();
}

}  // namespace diffuse
