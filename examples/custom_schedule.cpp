// A custom noise schedule: betas with a log SNR that falls linearly from 10 to -10, and the values
// derived from them.
#include <ATen/ATen.h>
#include <diffuse/diffusion/gaussian_diffusion.h>

#include <cmath>
#include <iostream>

int main() {
  constexpr int64_t kSteps = 100;
  diffuse::DiffusionConfig config;
  config.schedule = diffuse::ScheduleKind::kBetas;
  config.timesteps = kSteps;
  double previous = 1;
  for (int64_t i = 0; i < kSteps; ++i) {
    const double log_snr = 10 - 20.0 * static_cast<double>(i) / (kSteps - 1);
    const double alpha_bar = 1 / (1 + std::exp(-log_snr));  // SNR = alpha_bar / (1 - alpha_bar)
    config.betas.push_back(1 - alpha_bar / previous);
    previous = alpha_bar;
  }

  const diffuse::GaussianDiffusion diffusion(config);
  const auto& schedule = diffusion.schedule();
  const at::Tensor middle = at::full({1}, kSteps / 2, at::kLong);
  const at::Tensor noised = diffusion.q_sample(at::ones({1, 2}), middle, at::zeros({1, 2}));
  std::cout << "alpha_bar of the first and last step: " << schedule.alpha_bar()[0].item<double>()
            << " " << schedule.alpha_bar()[kSteps - 1].item<double>() << "\n"
            << "signal left half way: " << noised[0][0].item<float>() << "\n";
}
