#include "src/eval/epsilon_error.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "diffuse/diffusion/process.h"
#include "items.h"
#include "src/diffusion/time_law.h"

namespace diffuse {

// The model's times of items first .. first + count - 1.
static at::Tensor times_of(const Process& process, int64_t first, int64_t count) {
  const auto chain = make_process({});
  std::vector<double> times;
  for (int64_t i = first; i < first + count; ++i) {
    const double sigma = chain->level(chain->time_at(covering_share(i))).sigma();
    times.push_back(std::clamp(process.time_between(sigma), process.first_time(),
                               process.last_time_with_signal()));
  }
  return at::tensor(times, at::kDouble);
}

Estimate epsilon_error(Network& network, const GaussianDiffusion& diffusion, const Dataset& data,
                       const EvaluationOptions& options) {
  network.eval();
  const int64_t n = item_count(data, options);
  int64_t done = 0;
  return estimate(measure_rows(options, "epsilon", n, {}, [&](int64_t first, int64_t count) {
    const at::NoGradGuard no_gradients;
    const Items items = load_items(data, options, first, count);
    const std::vector<uint32_t> steps(items.keys.size(), step_of(Draw::kForward));
    const at::Tensor t = times_of(diffusion.process(), first, count).to(items.x0.device());
    const Denoiser denoiser = in_double(network, diffusion, items.given, options);
    const at::Tensor losses =
        diffusion.epsilon_loss(denoiser, items.x0, t, noise_like(items.x0, items.keys, steps));
    done += count;
    if (options.progress) options.progress(done, own_count(options, n));
    return losses.to(at::kCPU, at::kDouble);
  }));
}

void add_epsilon_error(const Estimate& error, EvalReport& report) {
  report.json["epsilon"] = json_of(error);
  char text[128];
  std::snprintf(text, sizeof text, "\nsquared error of epsilon, linear chain   %9.6g %11.3g\n",
                error.mean, error.standard_error);
  report.text += text;
}

}  // namespace diffuse
