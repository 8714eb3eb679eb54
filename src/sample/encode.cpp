#include "diffuse/sample/encode.h"

#include <ATen/ATen.h>

#include <cmath>

#include "diffuse/core/error.h"

namespace diffuse {

at::Tensor encode(const GaussianDiffusion& diffusion, const Denoiser& denoiser,
                  const at::Tensor& x0, const std::vector<int64_t>& timesteps, int64_t passes) {
  const NoiseSchedule& schedule = diffusion.schedule();
  const auto eps_at = [&](const at::Tensor& x, int64_t t) {
    const at::Tensor rows = at::full({x.size(0)}, t, x.options().dtype(at::kLong));
    return diffusion.predict(denoiser(x, rows), x, rows, /*clip_x0=*/false).eps;
  };
  at::Tensor x = x0;
  double kept = 1, added = 0;          // ᾱ and 1 − ᾱ of where x is
  int64_t cleaner = timesteps.back();  // the data are given to the network as at the last timestep
  for (auto t = timesteps.rbegin(); t != timesteps.rend(); ++t) {
    const double next_kept = schedule.alpha_bar()[*t].item<double>();
    const double next_added = schedule.one_minus_alpha_bar()[*t].item<double>();
    if (next_kept == 0)
      throw Error("timestep ", *t, " holds no signal, so no x_T there tells the image; want ",
                  "--timesteps without it");
    // ddim's x = √(ᾱ/ᾱ') x' + (√(1 − ᾱ) − √(ᾱ/ᾱ') √(1 − ᾱ')) ε solved for x', ᾱ' at t
    const double scale = std::sqrt(next_kept / kept);
    const double noise = std::sqrt(next_added) - scale * std::sqrt(added);
    at::Tensor next = x * scale + eps_at(x, cleaner) * noise;
    for (int64_t pass = 1; pass < passes; ++pass) next = x * scale + eps_at(next, *t) * noise;
    x = next;
    kept = next_kept;
    added = next_added;
    cleaner = *t;
  }
  return x;
}

}  // namespace diffuse
