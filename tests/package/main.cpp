// Prints ᾱ of the last step of Ho's linear schedule: 4.03583e-05.
#include <diffuse/diffusion/noise_schedule.h>

#include <iostream>

int main() {
  const auto schedule = diffuse::NoiseSchedule::make(diffuse::DiffusionConfig{});
  std::cout << schedule.alpha_bar().data_ptr<double>()[schedule.timesteps() - 1] << '\n';
}
