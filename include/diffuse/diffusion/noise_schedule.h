// The noise schedule: β_t and all tables derived only from it.
//
//   β_t       variance added by q(x_t | x_{t-1})                beta()
//   ᾱ_t       Π_{s≤t} (1 − β_s): the signal kept after t        alpha_bar()
//   β̃_t       variance of q(x_{t-1} | x_t, x_0)                 posterior_variance()   eq. 3
//   μ̃_t       coef_x0 · x_0 + coef_xt · x_t: its mean           coef_x0(), coef_xt()   eq. 3
//
// Row i of a table is the post's t = i + 1, and ᾱ_0 = 1. Tables are [T] float64 on the CPU: in
// float32, 1 − ᾱ_1 would keep three or four digits.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "diffuse/config/config.h"

namespace diffuse {

class NoiseSchedule {
 public:
  // beta [T], each in (0, 1]. Throws Error naming the row otherwise.
  explicit NoiseSchedule(const at::Tensor& beta);

  // The schedule a config names. Throws Error naming the JSON path.
  static NoiseSchedule make(const DiffusionConfig& config);

  int64_t timesteps() const { return beta_.size(0); }
  const at::Tensor& beta() const { return beta_; }
  const at::Tensor& alpha() const { return alpha_; }
  const at::Tensor& alpha_bar() const { return alpha_bar_; }
  const at::Tensor& alpha_bar_prev() const { return alpha_bar_prev_; }
  const at::Tensor& one_minus_alpha_bar() const { return one_minus_alpha_bar_; }
  const at::Tensor& posterior_variance() const { return posterior_variance_; }
  // log β̃_t; row 0, where β̃ = 0, repeats row 1.  [Ho20] code
  const at::Tensor& posterior_log_variance_clipped() const { return posterior_log_variance_; }
  const at::Tensor& coef_x0() const { return coef_x0_; }
  const at::Tensor& coef_xt() const { return coef_xt_; }
  at::Tensor snr() const;  // ᾱ / (1 − ᾱ)

  // True if ᾱ_T = 0: x_T has no signal, and x_0 cannot be derived from x_T and ε (eq. 6).
  bool zero_terminal_snr() const;

  // L_T = KL(q(x_T | x_0) ‖ N(0, I)) in bits per dimension, for E[x_0²] over the dimensions.
  double prior_bits_per_dim(double mean_square_x0) const;

 private:
  at::Tensor beta_, alpha_, alpha_bar_, alpha_bar_prev_, one_minus_alpha_bar_;
  at::Tensor posterior_variance_, posterior_log_variance_, coef_x0_, coef_xt_;
};

}  // namespace diffuse
