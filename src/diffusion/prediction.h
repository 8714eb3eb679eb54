// A network's output y for x_t = a x_0 + s ε: y = p x_0 + q ε, where p and q are functions of the noise
// level.
//
//   epsilon   p = 0,             q = 1
//   x0        p = 1,             q = 0
//   v         p = −s,            q = a                                       [Salimans22] app. D
//   mu        p = c_0 + c_t a,   q = c_t s: the posterior's mean c_0 x_0 + c_t x_t          eq. 3
//   flow      p = −1,            q = 1: the direction from data to noise            [Liu23] eq. 1
//   score     p = 0,             q = −1/s: ∇ log q(x_t)                             [Song21b] eq. 7
//   edm       p = (1 − c_skip a) / c_out, q = −c_skip s / c_out: F in
//             D = c_skip x_t + c_out F, scaled for data of variance σ_d²            [Karras22] eq. 7
//
// x_t and y are two equations for x_0 and ε. With d = q a − s p:
//   x_0 = (q x_t − s y) / d,   ε = (a y − p x_t) / d,   and ε's error is a / d times that of y.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "diffuse/diffusion/process.h"

namespace diffuse {

// [B] float64 each.
struct Columns {
  at::Tensor p, q;
};

using ColumnsAt = std::function<Columns(const Levels&)>;

// c_in = 1 / √(a² σ_d² + s²), which scales x_t to variance 1.                       [Karras22] Table 1
at::Tensor input_scale(const Levels& at, double sigma_data);

ColumnsAt make_prediction(const DiffusionConfig& config, std::shared_ptr<const Process> process);

}  // namespace diffuse
