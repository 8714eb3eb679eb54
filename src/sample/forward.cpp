#include "src/sample/forward.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

namespace diffuse {

// The step of kForward's streams: t for the chain, this for the closed form's epsilon.
static constexpr auto kAllSteps = std::numeric_limits<uint32_t>::max();

int64_t forward_steps(const GaussianDiffusion& diffusion) {
  constexpr int64_t kContinuous = 1000;
  const NoiseSchedule* schedule = diffusion.process().schedule();
  return schedule != nullptr ? schedule->timesteps() : kContinuous;
}

// The level after so many of these steps.
static Level level_after(const GaussianDiffusion& diffusion, int64_t steps) {
  const Process& process = diffusion.process();
  if (steps == 0) return {};
  if (process.schedule() != nullptr) return process.level(static_cast<double>(steps - 1));
  return process.level(
      process.time_at(static_cast<double>(steps) / static_cast<double>(forward_steps(diffusion))));
}

std::vector<int64_t> forward_moments(int64_t timesteps, int64_t frames) {
  TORCH_CHECK(timesteps > 0 && frames > 0, "a film needs frames, got ", frames);
  if (frames == 1) return {timesteps};
  const int64_t last = std::min(frames - 1, timesteps);
  std::vector<int64_t> moments;
  for (int64_t i = 0; i <= last; ++i) moments.push_back(i * timesteps / last);
  return moments;
}

void run_forward(const GaussianDiffusion& diffusion, const at::Tensor& x0,
                 std::span<const StreamKey> keys, ForwardMode mode,
                 const std::vector<int64_t>& moments,
                 const std::function<void(int64_t steps, const at::Tensor& x)>& on_moment) {
  const std::vector<int64_t> shape = x0.sizes().slice(1).vec();
  const auto noise = [&](uint32_t step) {
    return normal_rows(keys, Purpose::kForward, step, shape).to(x0.scalar_type());
  };
  const bool chain = mode == ForwardMode::kChain;
  const at::Tensor eps = chain ? at::Tensor() : noise(kAllSteps);
  at::Tensor x = x0;
  int64_t done = 0;
  for (const int64_t moment : moments) {
    while (chain && done < moment) {
      x = diffusion.q_step(x, level_after(diffusion, done), level_after(diffusion, done + 1),
                           noise(static_cast<uint32_t>(done)));
      ++done;
    }
    if (!chain && moment > 0)
      x = diffusion.q_sample(
          x0, at::full({x0.size(0)}, level_after(diffusion, moment).time, at::kDouble), eps);
    on_moment(moment, x);
  }
}

}  // namespace diffuse
