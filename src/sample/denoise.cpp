#include "diffuse/sample/denoise.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "diffuse/core/error.h"

namespace diffuse {

at::Tensor noise_levels(const NoiseSchedule& schedule) {
  return (schedule.one_minus_alpha_bar() / schedule.alpha_bar()).sqrt();
}

static void check_sigma(double sigma, double last) {
  if (!(sigma > 0 && sigma <= last))
    throw Error("--sigma: expected above 0 and at most ", last,
                " (the noise of the model's last timestep), got ", sigma);
}

// The number of timesteps with less noise than sigma: 0 .. T-1.
static int64_t timesteps_below(const at::Tensor& levels, double sigma) {
  check_sigma(sigma, levels[-1].item<double>());
  return (levels < sigma).sum().item<int64_t>();
}

int64_t nearest_timestep(const NoiseSchedule& schedule, double sigma) {
  const at::Tensor levels = noise_levels(schedule);
  const int64_t above = timesteps_below(levels, sigma);
  if (above == 0) return 0;
  const double low = levels[above - 1].item<double>(), high = levels[above].item<double>();
  return sigma * sigma < low * high ? above - 1 : above;
}

double time_of_noise(const Process& process, double sigma) {
  if (process.schedule() != nullptr)
    return static_cast<double>(nearest_timestep(*process.schedule(), sigma));
  check_sigma(sigma, process.level(process.last_time_with_signal()).sigma());
  return std::max(process.time_of_sigma(sigma), process.first_time());
}

at::Tensor denoise_at_once(const GaussianDiffusion& diffusion, const Denoiser& denoiser,
                           const at::Tensor& y, double sigma, bool clip_x0) {
  const auto x0_of = [&](const Level& level) {
    const at::Tensor t = at::full({y.size(0)}, level.time, y.options().dtype(at::kDouble));
    const at::Tensor x_t = y * level.a;
    return diffusion.denoised(denoiser(x_t, t), x_t, t, clip_x0).x0;
  };
  const Process& process = diffusion.process();
  if (process.schedule() == nullptr) return x0_of(process.level(time_of_noise(process, sigma)));
  const NoiseSchedule& schedule = diffusion.schedule();
  const at::Tensor variances = noise_levels(schedule).square();
  const int64_t above = timesteps_below(variances.sqrt(), sigma);
  const auto x0_at = [&](int64_t row) { return x0_of(process.level(static_cast<double>(row))); };
  const double low = above == 0 ? 0 : variances[above - 1].item<double>();
  const double share = (sigma * sigma - low) / (variances[above].item<double>() - low);
  return at::lerp(above == 0 ? y : x0_at(above - 1), x0_at(above), share);
}

double estimate_sigma(const at::Tensor& image) {
  TORCH_CHECK(image.dim() == 3 && image.size(1) >= 2 && image.size(2) >= 2,
              "estimate_sigma: expected [C, H, W] of at least 2 x 2 pixels, got ", image.sizes());
  constexpr int64_t kEnough = 64;  // squares: the median's error is then about 15 %
  constexpr double kNormalMedian = 0.6744897501960817;  // of |N(0, 1)|
  const int64_t height = image.size(1) / 2 * 2, width = image.size(2) / 2 * 2;
  const at::Tensor squares = image.to(at::kDouble)
                                 .slice(1, 0, height)
                                 .slice(2, 0, width)
                                 .reshape({image.size(0), height / 2, 2, width / 2, 2});
  const at::Tensor rows = squares.select(2, 0) - squares.select(2, 1);
  const at::Tensor diagonal = ((rows.select(3, 0) - rows.select(3, 1)) / 2).abs();
  const at::Tensor kept = diagonal.masked_select((squares.abs() < 1).all(4).all(2));
  const at::Tensor used = kept.numel() >= kEnough ? kept : diagonal.flatten();
  return used.median().item<double>() / kNormalMedian;
}

}  // namespace diffuse
