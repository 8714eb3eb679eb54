#include "diffuse/eval/ode_likelihood.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "diffuse/core/error.h"
#include "items.h"
#include "src/data/normalization.h"

namespace diffuse {

namespace {

// The flow dx/dsigma = eps(a x, t) in the variable x = x_t / a = x_0 + sigma z,
// [Karras22] eq. 1 and app. B, with the Hutchinson estimate of its divergence.
struct Flow {
  const GaussianDiffusion& diffusion;
  const Denoiser denoiser;
  const std::vector<at::Tensor> probes;  // of -1 and 1, like x

  struct Point {
    at::Tensor velocity;    // [B, ...]
    at::Tensor divergence;  // [B]
  };
  Point operator()(const at::Tensor& x, const Level& level) const;
};

}  // namespace

// trace(J) = E[v' J v] for v of -1 and 1                                 [Song21b] eq. 40
Flow::Point Flow::operator()(const at::Tensor& x, const Level& level) const {
  const at::Tensor leaf = x.detach().requires_grad_();
  const at::Tensor x_t = leaf * level.a;
  const at::Tensor times = at::full({x.size(0)}, level.time, x.options().dtype(at::kDouble));
  const at::Tensor eps = diffusion.denoised(denoiser(x_t, times), x_t, times, false).eps;
  at::Tensor divergence = at::zeros({x.size(0)}, x.options());
  for (size_t i = 0; i < probes.size(); ++i) {
    const bool again = i + 1 < probes.size();
    const at::Tensor product = torch::autograd::grad({eps}, {leaf}, {probes[i]}, again)[0];
    divergence += (product * probes[i]).flatten(1).sum(1);
  }
  return {eps.detach(), divergence / static_cast<double>(probes.size())};
}

// log p(x) at the smallest noise level, in nats [B]. x is integrated by Heun's method in sigma, where its
// path is straight once noise dominates; the divergence is integrated in log sigma, where sigma * divergence
// is then constant.
static at::Tensor log_density(const Flow& flow, at::Tensor x, const std::vector<double>& times,
                              const std::function<void()>& on_step) {
  at::Tensor change = at::zeros({x.size(0)}, x.options());
  Level here = flow.diffusion.process().level(times[0]);
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const Level next = flow.diffusion.process().level(times[i + 1]);
    const double step = next.sigma() - here.sigma();
    const Flow::Point a = flow(x, here);
    const Flow::Point b = flow(x + step * a.velocity, next);
    x = x + 0.5 * step * (a.velocity + b.velocity);
    change += 0.5 * std::log(next.sigma() / here.sigma()) *
              (here.sigma() * a.divergence + next.sigma() * b.divergence);
    here = next;
    on_step();
  }
  // x_T = a x is the samples' start, N(0, size² I), so x ~ N(0, (size / a)² I).
  const double size = flow.diffusion.process().prior_std(here);
  const double precision = here.a * here.a / (size * size);
  const at::Tensor log_prior =
      -0.5 * (x.square() * precision + std::log(2 * std::numbers::pi / precision));
  return log_prior.flatten(1).sum(1) + change;
}

// Spreads levels k / 127.5 - 1 uniformly over their bins, 2 / 255 wide.
static at::Tensor dequantised(const Items& items) {
  const std::vector<uint32_t> steps(items.keys.size(), step_of(Draw::kDequantise));
  const at::Tensor uniform = at::special_ndtr(noise_like(items.x0, items.keys, steps));
  return items.x0 + (uniform - 0.5) / 127.5;
}

static std::vector<at::Tensor> draw_probes(const Items& items, int64_t count) {
  std::vector<at::Tensor> probes;
  for (int64_t i = 0; i < count; ++i) {
    const std::vector<uint32_t> steps(items.keys.size(), step_of(Draw::kProbe, i));
    const at::Tensor normal = noise_like(items.x0, items.keys, steps);
    probes.push_back(at::where(normal < 0, -1.0, 1.0).to(normal));
  }
  return probes;
}

static std::vector<double> even_log_sigma(const Process& process, int64_t steps) {
  const double low = std::log(process.level(process.first_time()).sigma());
  const double high = std::log(process.level(process.last_time_with_signal()).sigma());
  std::vector<double> times;
  for (int64_t i = 0; i <= steps; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(steps);
    times.push_back(process.time_of_sigma(std::exp(std::lerp(low, high, share))));
  }
  return times;
}

std::vector<double> ode_times(const Process& process, int64_t steps) {
  TORCH_CHECK(steps > 0, "the solver needs at least one step, got ", steps);
  if (process.schedule() == nullptr) return even_log_sigma(process, steps);
  std::vector<double> log_sigma;  // rising
  for (double t = process.first_time(); t <= process.last_time(); ++t)
    if (const Level level = process.level(t); level.a > 0)
      log_sigma.push_back(std::log(level.sigma()));
  std::vector<double> times;
  for (int64_t i = 0; i <= steps; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(steps);
    const double wanted = std::lerp(log_sigma.front(), log_sigma.back(), share);
    auto above = std::lower_bound(log_sigma.begin(), log_sigma.end() - 1, wanted);
    if (above != log_sigma.begin() && wanted - *(above - 1) < *above - wanted) --above;
    const auto t = static_cast<double>(above - log_sigma.begin());
    if (times.empty() || t > times.back()) times.push_back(t);
  }
  return times;
}

OdeLikelihood evaluate_ode(Network& network, const GaussianDiffusion& diffusion,
                           const Dataset& data, const OdeOptions& options) {
  network.eval();
  const EvaluationOptions& evaluation = options.evaluation;
  const int64_t n = item_count(data, evaluation);
  const std::vector<double> times = ode_times(diffusion.process(), options.steps);
  const auto steps = static_cast<int64_t>(times.size()) - 1;
  const bool levels = data.sample_kind() == SampleKind::kImage;
  const DataConfig units = with_normalization({}, data);
  // From a density in the network's units to one in the data's, or to its bins.
  const double more_bits = log2_scale(units) + (levels ? std::log2(127.5) : 0);
  const int64_t mine = evaluation.queue.empty() ? evaluation.world->share(n).size() : n;
  std::vector<at::Tensor> bits{at::empty({0}, at::kDouble)};
  int64_t done = 0;
  const auto measure = [&](int64_t first, int64_t count) {
    const Items items = load_items(data, evaluation, first, count);
    const Flow flow{diffusion, in_double(network, diffusion, items.given, evaluation),
                    draw_probes(items, options.probes)};
    const auto on_step = [&] {
      done += 2 * count;
      if (evaluation.progress) evaluation.progress(done, 2 * steps * mine);
    };
    const at::Tensor start = levels ? dequantised(items) : items.x0;
    const auto dimensions = static_cast<double>(start[0].numel());
    const at::Tensor nats = log_density(flow, start, times, on_step);
    return (more_bits - nats / (dimensions * std::numbers::ln2)).to(at::kCPU);
  };
  measure_parts(evaluation, concat("ode-", options.steps, "-", options.probes), n, measure,
                [&](const at::Tensor& part) { bits.push_back(part); });
  const at::Tensor all = evaluation.world->gather_rows(at::cat(bits), n);
  return {.bits = estimate(all), .steps = steps, .items = n};
}

}  // namespace diffuse
