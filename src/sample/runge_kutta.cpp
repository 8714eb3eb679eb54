// Runge-Kutta methods of higher order on the probability-flow ODE: rk4 in fixed steps, dopri5 in steps that
// it chooses.
#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "src/sample/flow_path.h"
#include "src/sample/level_sampler.h"

namespace diffuse {

namespace {

// The classical method of order 4, four network calls per step.
class Rk4Sampler : public LevelSampler {
  using LevelSampler::LevelSampler;

  at::Tensor advance(const at::Tensor& x, const Denoised& d, const Level& from,
                     int64_t i) override {
    const FlowPath path(diffusion().process());
    const Level& to = level(i + 1);
    if (is_last(i) || !path.reaches(from)) return jump(d.x0, d.eps, from, i, 0);
    const double h = path.u(to) - path.u(from);
    const Level middle = path.level(path.u(from) + h / 2);
    const auto v = [&](const at::Tensor& y, const Level& at) {
      return path.v(denoised(path.x(y, at), at));
    };
    const at::Tensor y = path.y(x, from);
    const at::Tensor k1 = path.v(d);
    const at::Tensor k2 = v(y + k1 * (h / 2), middle);
    const at::Tensor k3 = v(y + k2 * (h / 2), middle);
    const at::Tensor k4 = v(y + k3 * h, to);
    return path.x(y + (k1 + (k2 + k3) * 2 + k4) * (h / 6), to);
  }
};

// Dormand-Prince: order 5 with an estimate of order 4 of its error. Row j holds the weights of stage j + 2;
// the last one is the step's own, so that its slope is the first of the next step.  [Dormand80]
constexpr int64_t kStages = 6;
constexpr std::array<double, kStages> kPlace{1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1};
constexpr std::array<std::array<double, kStages>, kStages> kWeight{
    {{1. / 5},
     {3. / 40, 9. / 40},
     {44. / 45, -56. / 15, 32. / 9},
     {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
     {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
     {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84}}};
constexpr std::array<double, kStages + 1> kError{
    -71. / 57600, 0, 71. / 16695, -71. / 1920, 17253. / 339200, -22. / 525, 1. / 40};

// Each row takes steps of its own length, so that a sample does not depend on the others of its batch.
// Step control as in scipy's RK45: a step's error, relative to tolerance (1 + |y|), is at most 1 in root
// mean square over the sample.                                            [Hairer93] sec. II.4
class Dopri5Sampler : public LevelSampler {
  using LevelSampler::LevelSampler;

  at::Tensor advance(const at::Tensor& x, const Denoised& d, const Level& from, int64_t i) override;

  // A step of each row's h from y: its end, the slope there and the error.
  struct Step {
    at::Tensor y, slope, error;
  };
  Step attempt(const at::Tensor& y, const at::Tensor& slope);

  // Accepts or rejects the steps by their errors, and chooses the next ones: 1 or 0 for each row.
  std::vector<double> judge(const std::vector<double>& errors, double end);

  struct Row {
    double u = 0, length = 0;  // its place, and the length of its next step
    double h = 0;              // the same, cut off at the end
  };
  std::vector<Row> rows_;
  int64_t last_ = -1;
};

}  // namespace

// y + h Σ_j weight_j k_j, each row with its h.
static at::Tensor combined(const at::Tensor& y, const at::Tensor& h, const double* weight,
                           const std::vector<at::Tensor>& slopes) {
  at::Tensor sum = slopes[0] * weight[0];
  for (size_t j = 1; j < slopes.size(); ++j)
    if (weight[j] != 0) sum = sum + slopes[j] * weight[j];
  return y + along(h, y) * sum;
}

static at::Tensor to_tensor(const std::vector<double>& values, at::Device device) {
  return at::tensor(values, at::kDouble).to(device);
}

// Root mean square of each row's error, relative to the allowed one.
static std::vector<double> errors_of(const at::Tensor& y, const at::Tensor& next,
                                     const at::Tensor& error, double tolerance) {
  const at::Tensor allowed = (at::maximum(y.abs(), next.abs()) + 1) * tolerance;
  const at::Tensor norm = (error / allowed).to(at::kDouble).square().flatten(1).mean(1).sqrt();
  const at::Tensor values = norm.to(at::kCPU).contiguous();
  return {values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel()};
}

// The factor of the next step's length.
static double stretch(double error, bool taken) {
  const double factor = std::isfinite(error) ? 0.9 * std::pow(std::max(error, 1e-10), -0.2) : 0.2;
  return std::clamp(factor, 0.2, taken ? 10.0 : 1.0);
}

Dopri5Sampler::Step Dopri5Sampler::attempt(const at::Tensor& y, const at::Tensor& slope) {
  const Process& process = diffusion().process();
  const FlowPath path(process);
  std::vector<double> lengths, times(rows_.size());
  for (const Row& row : rows_) lengths.push_back(row.h);
  const at::Tensor h = to_tensor(lengths, y.device());
  std::vector<at::Tensor> slopes{slope};
  at::Tensor next;
  for (size_t stage = 0; stage < kStages; ++stage) {
    next = combined(y, h, kWeight[stage].data(), slopes);
    for (size_t b = 0; b < rows_.size(); ++b)
      times[b] = path.time(rows_[b].u + kPlace[stage] * rows_[b].h);
    const Levels at = process.levels(to_tensor(times, y.device()));
    slopes.push_back(path.v(denoised(path.x(next, at), at)));
  }
  return {next, slopes.back(), combined(at::zeros_like(y), h, kError.data(), slopes)};
}

std::vector<double> Dopri5Sampler::judge(const std::vector<double>& errors, double end) {
  // Relative to u: so short a step is accepted with any error, which then is rounding, or not a number.
  constexpr double kShortest = 0.01;
  std::vector<double> taken(rows_.size());
  for (size_t b = 0; b < rows_.size(); ++b) {
    Row& row = rows_[b];
    if (row.u == end) continue;
    const double shortest = kShortest * std::abs(row.u);
    const bool good = errors[b] <= 1 || std::abs(row.h) <= shortest;
    const bool cut = row.h != row.length;  // no reason for shorter ones
    const double wanted =
        std::copysign(std::max(std::abs(row.h) * stretch(errors[b], good), 0.9 * shortest), row.h);
    if (good) row.u = row.h == end - row.u ? end : row.u + row.h;
    if (!(good && cut) || std::abs(wanted) > std::abs(row.length)) row.length = wanted;
    taken[b] = good ? 1 : 0;
  }
  return taken;
}

at::Tensor Dopri5Sampler::advance(const at::Tensor& x, const Denoised& d, const Level& from,
                                  int64_t i) {
  constexpr double kFirst = 0.1;  // as a fraction of the interval
  const FlowPath path(diffusion().process());
  if (is_last(i) || !path.reaches(from)) return jump(d.x0, d.eps, from, i, 0);
  const double begin = path.u(from), end = path.u(level(i + 1)), way = end - begin;
  const auto count = static_cast<size_t>(x.size(0));
  if (last_ < 0 || last_ != i - 1 || rows_.size() != count)
    rows_.assign(count, {.length = kFirst * way});
  last_ = i;
  for (Row& row : rows_) row.u = begin;
  at::Tensor y = path.y(x, from), slope = path.v(d);
  while (std::any_of(rows_.begin(), rows_.end(), [&](const Row& row) { return row.u != end; })) {
    for (Row& row : rows_)
      row.h = std::abs(row.length) < std::abs(end - row.u) ? row.length : end - row.u;
    const Step step = attempt(y, slope);
    const auto errors = errors_of(y, step.y, step.error, options().tolerance);
    const at::Tensor taken = to_tensor(judge(errors, end), y.device());
    const at::Tensor moved = along(taken, y) > 0;
    y = at::where(moved, step.y, y);
    slope = at::where(moved, step.slope, slope);
  }
  return path.x(y, level(i + 1));
}

std::unique_ptr<Sampler> make_rk4(const GaussianDiffusion& diffusion, Denoiser denoiser,
                                  const SamplerOptions& options, NoiseSource noise) {
  return std::make_unique<Rk4Sampler>(diffusion, std::move(denoiser), options, std::move(noise));
}

std::unique_ptr<Sampler> make_dopri5(const GaussianDiffusion& diffusion, Denoiser denoiser,
                                     const SamplerOptions& options, NoiseSource noise) {
  return std::make_unique<Dopri5Sampler>(diffusion, std::move(denoiser), options, std::move(noise));
}

}  // namespace diffuse
