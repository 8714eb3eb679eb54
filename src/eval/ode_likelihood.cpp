#include "diffuse/eval/ode_likelihood.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <numbers>

#include "diffuse/core/error.h"
#include "items.h"
#include "src/data/normalization.h"
#include "src/diffusion/broadcast.h"
#include "src/sample/dormand_prince.h"

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
  Point operator()(const at::Tensor& x, const Levels& at) const;
  Point operator()(const at::Tensor& x, const Level& level) const {
    return (*this)(x, repeat(level, x.size(0), x.device()));
  }
};

// The end of a path, and the integral of the divergence along it, in nats [B].
struct Travelled {
  at::Tensor x, change;
  int64_t calls = 0;
};

}  // namespace

// trace(J) = E[v' J v] for v of -1 and 1                                 [Song21b] eq. 40
Flow::Point Flow::operator()(const at::Tensor& x, const Levels& at) const {
  const at::Tensor leaf = x.detach().requires_grad_();
  const at::Tensor x_t = leaf * along(at.a, x);
  const at::Tensor eps = diffusion.denoised(denoiser(x_t, at.time), x_t, at.time, false).eps;
  at::Tensor divergence = at::zeros({x.size(0)}, x.options());
  for (size_t i = 0; i < probes.size(); ++i) {
    const bool again = i + 1 < probes.size();
    const at::Tensor product = torch::autograd::grad({eps}, {leaf}, {probes[i]}, again)[0];
    divergence += (product * probes[i]).flatten(1).sum(1);
  }
  return {eps.detach(), divergence / static_cast<double>(probes.size())};
}

// x is integrated by Heun's method in sigma, where its path is straight once noise dominates; the divergence is
// integrated in log sigma, where sigma * divergence is then constant.
static Travelled by_heun(const Flow& flow, at::Tensor x, const std::vector<double>& times,
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
  return {x, change, 2 * (std::ssize(times) - 1)};
}

// Both in sigma: rows of x and, behind them, nats per dimension.
static Travelled by_tolerance(const Flow& flow, const at::Tensor& x, double tolerance,
                              const std::function<void()>& on_call) {
  const Process& process = flow.diffusion.process();
  const at::IntArrayRef shape = x.sizes();
  const auto dimensions = static_cast<double>(x[0].numel());
  Travelled end;
  const auto slope = [&](const at::Tensor& y, std::vector<double> sigma) {
    for (double& place : sigma) place = process.time_between(place);
    const at::Tensor times = at::tensor(sigma, at::kDouble).to(y.device());
    const Flow::Point at = flow(y.slice(1, 0, -1).reshape(shape), process.levels(times));
    ++end.calls;
    on_call();
    return at::cat({at.velocity.flatten(1), at.divergence.unsqueeze(1) / dimensions}, 1);
  };
  const auto norm = [](const at::Tensor& errors) {
    return at::maximum(DormandPrince::root_mean_square(errors.slice(1, 0, -1)),
                       errors.slice(1, -1).squeeze(1).abs());
  };
  const double first = process.level(process.first_time()).sigma(),
               last = process.level(process.last_time_with_signal()).sigma();
  const at::Tensor begin = at::cat({x.flatten(1), at::zeros({x.size(0), 1}, x.options())}, 1);
  const at::Tensor start = slope(begin, std::vector<double>(static_cast<size_t>(x.size(0)), first));
  DormandPrince solver(tolerance, norm);
  solver.start(x.size(0), first);
  const at::Tensor y = solver.advance(begin, start, first, last, slope);
  end.x = y.slice(1, 0, -1).reshape(shape);
  end.change = y.slice(1, -1).squeeze(1) * dimensions;
  return end;
}

// log p(x) at the smallest noise level, in nats [B], of x that ended so.
static at::Tensor log_density(const Flow& flow, const Travelled& end) {
  // x_T = a x is the samples' start, N(0, size² I), so x ~ N(0, (size / a)² I).
  const Process& process = flow.diffusion.process();
  const Level last = process.level(process.last_time_with_signal());
  const double size = process.prior_std(last);
  const double precision = last.a * last.a / (size * size);
  const at::Tensor log_prior =
      -0.5 * (end.x.square() * precision + std::log(2 * std::numbers::pi / precision));
  return log_prior.flatten(1).sum(1) + end.change;
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
  const bool adapts = options.tolerance > 0;
  std::vector<double> times;
  if (!adapts) times = ode_times(diffusion.process(), options.steps);
  const int64_t steps = adapts ? 0 : std::ssize(times) - 1;
  const bool levels = data.sample_kind() == SampleKind::kImage;
  const DataConfig units = with_normalization({}, data);
  // From a density in the network's units to one in the data's, or to its bins.
  const double more_bits = log2_scale(units) + (levels ? std::log2(127.5) : 0);
  // Progress in network calls, or where their number is not known in items.
  const int64_t whole = own_count(evaluation, n) * (adapts ? 1 : 2 * steps);
  int64_t done = 0;
  const auto report = [&](int64_t more) {
    done += more;
    if (evaluation.progress) evaluation.progress(done, whole);
  };
  const auto measure = [&](int64_t first, int64_t count) {
    const Items items = load_items(data, evaluation, first, count);
    const Flow flow{diffusion, in_double(network, diffusion, items.given, evaluation),
                    draw_probes(items, options.probes)};
    const at::Tensor start = levels ? dequantised(items) : items.x0;
    const Travelled end = adapts ? by_tolerance(flow, start, options.tolerance, [&] { report(0); })
                                 : by_heun(flow, start, times, [&] { report(2 * count); });
    if (adapts) report(count);
    const auto dimensions = static_cast<double>(start[0].numel());
    const at::Tensor bits = more_bits - log_density(flow, end) / (dimensions * std::numbers::ln2);
    return at::stack({bits, at::full_like(bits, static_cast<double>(end.calls))}, 1).to(at::kCPU);
  };
  const std::string name = adapts ? concat("ode-tolerance-", std::setprecision(17),
                                           options.tolerance, "-", options.probes)
                                  : concat("ode-heun-", options.steps, "-", options.probes);
  const at::Tensor all = measure_rows(evaluation, name, n, {2}, measure);
  return {.bits = estimate(all.select(1, 0)),
          .steps = steps,
          .calls = all.select(1, 1).mean().item<double>(),
          .items = n};
}

}  // namespace diffuse
