#include "diffuse/sample/inpaint.h"

#include <ATen/ATen.h>

namespace diffuse {

std::vector<int64_t> repaint_levels(int64_t steps, int64_t jump, int64_t passes) {
  TORCH_CHECK(steps > 0 && jump > 0 && passes > 0, "repaint_levels: ", steps, ", ", jump, ", ",
              passes);
  // Level 1 + k jump is left upwards, by `jump`, as long as it has passes left. Level 0 never is: the step to
  // it adds no noise, so a repeat would change nothing.
  std::vector<int64_t> left(steps + 1, 0);
  for (int64_t level = 1; level + jump <= steps; level += jump) left[level] = passes - 1;
  std::vector<int64_t> levels{steps};
  while (levels.back() > 0) {
    const int64_t level = levels.back();
    if (left[level] == 0) {
      levels.push_back(level - 1);
      continue;
    }
    --left[level];
    for (int64_t i = 1; i <= jump; ++i) levels.push_back(level + i);
  }
  return levels;
}

at::Tensor inpaint(const GaussianDiffusion& diffusion, const Denoiser& denoiser,
                   const at::Tensor& x_T, const at::Tensor& known, const at::Tensor& mask,
                   const InpaintOptions& options, const InpaintNoise& noise,
                   const StepCallback& callback) {
  const std::vector<double>& times = options.sampler.timesteps;
  const int64_t count = std::ssize(times);
  const auto levels = repaint_levels(count, options.jump, options.passes);
  // The time of the walk's level 1 .. count.
  const auto time_of = [&](int64_t level) { return times[static_cast<size_t>(count - level)]; };
  const at::Tensor painted = mask > 0;
  const auto with_known = [&](const at::Tensor& x, int64_t level, int64_t move) {
    if (level == 0) return at::where(painted, x, known);
    const at::Tensor time =
        at::full({x_T.size(0)}, time_of(level), x_T.options().dtype(at::kDouble));
    return at::where(painted, x, diffusion.q_sample(known, time, noise.known(move)));
  };

  int64_t move = 0;  // timesteps repeat, so noise is keyed by the move
  const auto sampler = make_sampler(diffusion, denoiser, options.sampler, [&](int64_t number) {
    return noise.step(move + number / kNoisesApart * kNoisesApart);
  });
  at::Tensor x = with_known(x_T, count, 0);
  for (move = 1; move < static_cast<int64_t>(levels.size()); ++move) {
    const int64_t from = levels[move - 1], to = levels[move];
    if (to > from) {
      const Process& process = diffusion.process();
      x = diffusion.q_step(x, process.level(time_of(from)), process.level(time_of(to)),
                           noise.step(move));
      continue;
    }
    const SampleStep step = sampler->step(x, count - from);
    x = with_known(step.x, to, move);
    if (callback) callback({move, static_cast<int64_t>(levels.size()) - 1, step.t, x, step.x0});
  }
  return at::where(painted, at::lerp(known, x, mask.to(x.scalar_type())), known);
}

// The mean of the mask and of its erosions by 1 .. radius pixels.
at::Tensor feather(const at::Tensor& mask, int64_t radius) {
  at::Tensor eroded = mask, sum = mask;
  for (int64_t i = 0; i < radius; ++i) {
    eroded = -at::max_pool2d(-eroded, {3, 3}, {1, 1}, {1, 1});
    sum = sum + eroded;
  }
  return sum / static_cast<double>(radius + 1);
}

}  // namespace diffuse
