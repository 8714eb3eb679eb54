#include "diffuse/sample/encode.h"

#include <ATen/ATen.h>

#include "diffuse/core/error.h"

namespace diffuse {

at::Tensor encode(const GaussianDiffusion& diffusion, const Denoiser& denoiser,
                  const at::Tensor& x0, const std::vector<double>& timesteps, int64_t passes) {
  const auto eps_at = [&](const at::Tensor& x, double t) {
    const at::Tensor time = at::full({x.size(0)}, t, x.options().dtype(at::kDouble));
    return diffusion.denoised(denoiser(x, time), x, time, /*clip_x0=*/false).eps;
  };
  at::Tensor x = x0;
  Level here;
  double cleaner = timesteps.back();  // the network gets the data as at the last timestep
  for (auto t = timesteps.rbegin(); t != timesteps.rend(); ++t) {
    const Level there = diffusion.process().level(*t);
    if (there.a == 0)
      throw Error("timestep ", *t, " has no signal, so its x_T does not determine the image; use ",
                  "--timesteps without it");
    // ddim's x' = (a'/a) x + (s' − (a'/a) s) ε solved for the noisier x
    const double scale = there.a / here.a;
    const double noise = there.s - scale * here.s;
    at::Tensor next = x * scale + eps_at(x, cleaner) * noise;
    for (int64_t pass = 1; pass < passes; ++pass) next = x * scale + eps_at(next, *t) * noise;
    x = next;
    here = there;
    cleaner = *t;
  }
  return x;
}

}  // namespace diffuse
