#include "src/eval/epsilon_error.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <vector>

#include "diffuse/diffusion/process.h"
#include "items.h"

namespace diffuse {

// The model's times of items first .. first + count - 1. Multiples of the golden ratio: any run of them covers the
// chain evenly.
static at::Tensor times_of(const Process& process, int64_t first, int64_t count) {
  const auto chain = make_process({});
  std::vector<double> times;
  for (int64_t i = first; i < first + count; ++i) {
    const double turns = (static_cast<double>(i) + 0.5) * (std::numbers::phi - 1);
    const double sigma = chain->level(chain->time_at(turns - std::floor(turns))).sigma();
    times.push_back(std::clamp(process.time_between(sigma), process.first_time(),
                               process.last_time_with_signal()));
  }
  return at::tensor(times, at::kDouble);
}

Estimate epsilon_error(Network& network, const GaussianDiffusion& diffusion, const Dataset& data,
                       const EvaluationOptions& options) {
  network.eval();
  const int64_t n = item_count(data, options);
  const int64_t mine = options.queue.empty() ? options.world->share(n).size() : n;
  std::vector<at::Tensor> parts{at::empty({0}, at::kDouble)};
  int64_t done = 0;
  measure_parts(
      options, "epsilon", n,
      [&](int64_t first, int64_t count) {
        const at::NoGradGuard no_gradients;
        const Items items = load_items(data, options, first, count);
        const std::vector<uint32_t> steps(items.keys.size(), step_of(Draw::kForward));
        const at::Tensor t = times_of(diffusion.process(), first, count).to(items.x0.device());
        const Denoiser denoiser = in_double(network, diffusion, items.given, options);
        const at::Tensor losses =
            diffusion.epsilon_loss(denoiser, items.x0, t, noise_like(items.x0, items.keys, steps));
        done += count;
        if (options.progress) options.progress(done, mine);
        return losses.to(at::kCPU, at::kDouble);
      },
      [&](const at::Tensor& part) { parts.push_back(part); });
  return estimate(options.world->gather_rows(at::cat(parts), n));
}

void add_epsilon_error(const Estimate& error, EvalReport& report) {
  report.json["epsilon"] = json_of(error);
  char text[128];
  std::snprintf(text, sizeof text, "\nsquared error of epsilon, linear chain   %9.6g %11.3g\n",
                error.mean, error.standard_error);
  report.text += text;
}

}  // namespace diffuse
