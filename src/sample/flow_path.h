// The reverse process without noise as an ordinary differential equation dy/du = v, in the variables
// in which its paths are straightest:
//
//   y = x_t / a over u = σ = s / a: v = ε                                  [Karras22] eq. 1, app. B
//   y = x_t over u = t, of flow:    v = ε − x_0                                     [Liu23] eq. 1
#pragma once

#include <ATen/core/Tensor.h>

#include "diffuse/diffusion/gaussian_diffusion.h"
#include "src/diffusion/broadcast.h"

namespace diffuse {

class FlowPath {
 public:
  explicit FlowPath(const Process& process) : process_(process) {}

  // Whether u is finite at this level.
  bool reaches(const Level& level) const { return process_.straight() || level.a > 0; }

  double u(const Level& level) const { return process_.straight() ? level.time : level.sigma(); }
  double time(double u) const { return process_.straight() ? u : process_.time_between(u); }
  Level level(double u) const { return process_.level(time(u)); }

  at::Tensor y(const at::Tensor& x, const Level& level) const {
    return process_.straight() ? x : x / level.a;
  }
  at::Tensor x(const at::Tensor& y, const Level& level) const {
    return process_.straight() ? y : y * level.a;
  }
  // The same with a level for each row.
  at::Tensor x(const at::Tensor& y, const Levels& levels) const {
    return process_.straight() ? y : y * along(levels.a, y);
  }

  at::Tensor v(const GaussianDiffusion::Denoised& d) const {
    return process_.straight() ? d.eps - d.x0 : d.eps;
  }

 private:
  const Process& process_;
};

}  // namespace diffuse
