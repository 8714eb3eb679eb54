// Closed forms between Gaussians, elementwise, in nats.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse {

// KL(N(mean1, e^log_variance1) ‖ N(mean2, e^log_variance2)); the arguments broadcast.
at::Tensor normal_kl(const at::Tensor& mean1, const at::Tensor& log_variance1,
                     const at::Tensor& mean2, const at::Tensor& log_variance2);

// log N(x; mean, e^log_variance).
at::Tensor gaussian_log_density(const at::Tensor& x, const at::Tensor& mean,
                                const at::Tensor& log_variance);

// log P(x) of 8-bit values x = k / 127.5 − 1 under N(mean, e^log_variance): the mass within 1/255
// of x; the outermost two bins extend to infinity, so that the 256 bins sum to 1. [Ho20] eq. 13
at::Tensor discretized_gaussian_log_likelihood(const at::Tensor& x, const at::Tensor& mean,
                                               const at::Tensor& log_variance);

}  // namespace diffuse
