#include "src/sample/known_part.h"

#include <ATen/ATen.h>

#include <utility>

#include "src/diffusion/broadcast.h"

namespace diffuse {

KnownPart known_part(const at::Tensor& condition, int64_t channels) {
  return {condition.narrow(1, 0, channels),
          condition.narrow(1, channels, condition.size(1) - channels)};
}

at::Tensor put_known_part(const at::Tensor& x, const KnownPart& part) {
  return at::where(part.known > 0, part.values.to(x.options()), x);
}

Denoiser with_known_part(const GaussianDiffusion& diffusion, Denoiser denoiser,
                         const KnownPart& part) {
  return [&diffusion, denoiser = std::move(denoiser), part](const at::Tensor& x_t,
                                                            const at::Tensor& t) {
    constexpr double kLeast = 1e-12;  // the data themselves have no noise
    const at::Tensor output = denoiser(x_t, t);
    const auto [at, p, q, c_in] = diffusion.view(diffusion.process().told(t));
    const at::Tensor x0 = part.values.to(x_t.scalar_type());
    const at::Tensor eps = (x_t - along(at.a, x_t) * x0) / along(at.s.clamp_min(kLeast), x_t);
    const at::Tensor correct = along(p, x_t) * x0 + along(q, x_t) * eps;
    return at::where(part.known > 0, correct.to(output.scalar_type()), output);
  };
}

at::Tensor mean_of_unknown(const at::Tensor& losses, const KnownPart& part) {
  const at::Tensor share = (1 - part.known).flatten(1).mean(1).to(losses.scalar_type());
  return at::where(share > 0, losses / share.clamp_min(1e-12), at::zeros_like(losses));
}

}  // namespace diffuse
