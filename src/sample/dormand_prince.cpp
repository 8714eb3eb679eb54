#include "src/sample/dormand_prince.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "src/diffusion/broadcast.h"

namespace diffuse {

// Row j holds the weights of stage j + 2; the last one is the step's own, so that its slope is the first of the
// next step.
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

// The factor of the next step's length.
static double stretch(double error, bool taken) {
  const double factor = std::isfinite(error) ? 0.9 * std::pow(std::max(error, 1e-10), -0.2) : 0.2;
  return std::clamp(factor, 0.2, taken ? 10.0 : 1.0);
}

at::Tensor DormandPrince::root_mean_square(const at::Tensor& errors) {
  return errors.to(at::kDouble).square().flatten(1).mean(1).sqrt();
}

void DormandPrince::start(int64_t rows, double first) {
  rows_.assign(static_cast<size_t>(rows), {.length = first});
}

DormandPrince::Step DormandPrince::attempt(const at::Tensor& y, const at::Tensor& slope,
                                           const Slope& f) const {
  std::vector<double> lengths, places(rows_.size());
  for (const Row& row : rows_) lengths.push_back(row.h);
  const at::Tensor h = to_tensor(lengths, y.device());
  std::vector<at::Tensor> slopes{slope};
  at::Tensor next;
  for (size_t stage = 0; stage < kStages; ++stage) {
    next = combined(y, h, kWeight[stage].data(), slopes);
    for (size_t b = 0; b < rows_.size(); ++b) places[b] = rows_[b].u + kPlace[stage] * rows_[b].h;
    slopes.push_back(f(next, places));
  }
  return {next, slopes.back(), combined(at::zeros_like(y), h, kError.data(), slopes)};
}

std::vector<double> DormandPrince::judge(const std::vector<double>& errors, double end) {
  // Relative to u: the error of so short a step is rounding, or not a number.
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

at::Tensor DormandPrince::advance(at::Tensor y, at::Tensor slope, double begin, double end,
                                  const Slope& f) {
  TORCH_CHECK(std::ssize(rows_) == y.size(0), "DormandPrince: not started for these rows");
  for (Row& row : rows_) row.u = begin;
  while (std::any_of(rows_.begin(), rows_.end(), [&](const Row& row) { return row.u != end; })) {
    for (Row& row : rows_)
      row.h = std::abs(row.length) < std::abs(end - row.u) ? row.length : end - row.u;
    const Step step = attempt(y, slope, f);
    const at::Tensor allowed = (at::maximum(y.abs(), step.y.abs()) + 1) * tolerance_;
    const at::Tensor sizes = norm_(step.error / allowed).to(at::kCPU).contiguous();
    const double* const first = sizes.const_data_ptr<double>();
    const at::Tensor taken =
        along(to_tensor(judge({first, first + sizes.numel()}, end), y.device()), y) > 0;
    y = at::where(taken, step.y, y);
    slope = at::where(taken, step.slope, slope);
  }
  return y;
}

}  // namespace diffuse
