#include "diffuse/train/held_out.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "src/core/device.h"
#include "src/core/noise.h"
#include "src/data/condition.h"
#include "src/diffusion/time_law.h"
#include "src/model/compute_scope.h"
#include "src/sample/known_part.h"

namespace diffuse {

// Losses of probes i .. i + count - 1, and their timesteps.
static at::Tensor probe(Network& network, const GaussianDiffusion& diffusion, const Dataset& data,
                        const HeldOutOptions& options, int64_t first, const at::Tensor& times) {
  const int64_t count = times.size(0);
  const int64_t spread = std::max<int64_t>(data.size() / options.samples, 1);
  std::vector<int64_t> items(count), classes(count);
  for (int64_t i = 0; i < count; ++i) {
    items[i] = (first + i) * spread;
    classes[i] = data.label(items[i]);
  }
  const at::Tensor labels =
      options.labels ? sent_to(at::tensor(classes), options.device) : at::Tensor();
  const auto keys = consecutive_keys(0, first, count);
  const at::Tensor eps =
      noise_rows(keys, Purpose::kEvaluation, 0, data.sample_shape(), options.device);
  const at::Tensor x0 = sent_to(data.gather(items), options.device);
  const at::Tensor condition = condition_of(options.condition, x0, data.condition(items), keys);
  const Denoiser denoiser =
      preconditioned(diffusion, [&](const at::Tensor& x, const at::Tensor& time) {
        const PrecisionScope scope(options.device, options.precision);
        return network.forward(x, time, {labels, condition}).to(at::kFloat);
      });
  const at::Tensor t = sent_to(times, options.device);
  if (!options.condition.is_mask()) return diffusion.epsilon_loss(denoiser, x0, t, eps);
  const KnownPart part = known_part(condition, x0.size(1));
  return mean_of_unknown(
      diffusion.epsilon_loss(with_known_part(diffusion, denoiser, part), x0, t, eps), part);
}

HeldOutLoss held_out_loss(Network& network, const GaussianDiffusion& diffusion, const Dataset& data,
                          const HeldOutOptions& options, World& world) {
  const c10::InferenceMode inference;
  network.eval();
  HeldOutLoss result;
  result.samples = std::min(options.samples, data.size());
  // Sum, sum of squares, then sums and counts by quarter of the timesteps.
  const at::Tensor sums = at::zeros({10}, at::kDouble);
  double* const sum = sums.mutable_data_ptr<double>();
  const Share own = world.share(result.samples);
  for (int64_t first = own.begin; first < own.end; first += options.batch) {
    const int64_t count = std::min(options.batch, own.end - first);
    at::Tensor times = at::empty({count}, at::kDouble);
    for (int64_t i = 0; i < count; ++i)
      times[i] = diffusion.process().time_at(covering_share(first + i));
    const at::Tensor losses =
        probe(network, diffusion, data, options, first, times).to(at::kCPU, at::kDouble);
    const at::Tensor quarters = diffusion.process().part_of(times, 4);
    for (int64_t i = 0; i < count; ++i) {
      const double loss = losses[i].item<double>();
      const auto quarter = quarters[i].item<int64_t>();
      sum[0] += loss;
      sum[1] += loss * loss;
      sum[2 + quarter] += loss;
      sum[6 + quarter] += 1;
    }
    world.progress();
  }
  world.sum(sums);
  const auto n = static_cast<double>(result.samples);
  result.mean = sum[0] / n;
  result.standard_error = std::sqrt(std::max(sum[1] / n - result.mean * result.mean, 0.0) / n);
  for (size_t q = 0; q < 4; ++q) result.by_quarter[q] = sum[2 + q] / sum[6 + q];
  return result;
}

}  // namespace diffuse
