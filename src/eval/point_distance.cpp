#include "src/eval/point_distance.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numbers>

#include "diffuse/core/error.h"
#include "items.h"
#include "mmd.h"

namespace diffuse {

// Unit vectors [D, K].
static at::Tensor axes(int64_t dimensions, int64_t count, uint64_t seed) {
  if (dimensions == 2) {
    const at::Tensor angle =
        std::numbers::pi * (at::arange(count, at::kDouble) + 0.5) / static_cast<double>(count);
    return at::stack({angle.cos(), angle.sin()});
  }
  const at::Tensor normal = normal_rows(consecutive_keys(seed, 0, count), Purpose::kEvaluation,
                                        step_of(Draw::kDirection), {dimensions})
                                .to(at::kDouble)
                                .t();
  return normal / normal.norm(2, {0}, /*keepdim=*/true);
}

// W_2^2 of sorted columns x [N, K] and y [M, K] -> [K]. Both quantile functions are constant between
// consecutive levels i / N and j / M.
static at::Tensor wasserstein(const at::Tensor& x, const at::Tensor& y) {
  const auto levels = [](int64_t n) {
    return at::arange(1, n + 1, at::kDouble) / static_cast<double>(n);
  };
  const at::Tensor ends = std::get<0>(at::cat({levels(x.size(0)), levels(y.size(0))}).sort());
  const at::Tensor starts = at::cat({at::zeros({1}, at::kDouble), ends.slice(0, 0, -1)});
  const at::Tensor middle = (starts + ends) / 2;
  const auto at_middle = [&](const at::Tensor& sorted) {
    const int64_t n = sorted.size(0);
    return sorted.index_select(0, (middle * n).floor().to(at::kLong).clamp_max(n - 1));
  };
  const at::Tensor width = (ends - starts).unsqueeze(1);
  return ((at_middle(x) - at_middle(y)).square() * width).sum(0);
}

double sliced_wasserstein(const at::Tensor& x, const at::Tensor& y, int64_t directions,
                          uint64_t seed) {
  TORCH_CHECK(x.dim() == 2 && y.dim() == 2 && x.size(1) == y.size(1),
              "points of different dimensions");
  if (std::min(x.size(0), y.size(0)) < 1) throw Error("sliced Wasserstein distance: no points");
  const at::Tensor all = axes(x.size(1), directions, seed);
  double sum = 0;
  for (const at::Tensor& some : all.split(50, 1)) {  // in small groups, to save memory
    const auto sorted = [&](const at::Tensor& points) {
      return std::get<0>(points.to(at::kDouble).mm(some).sort(0));
    };
    sum += wasserstein(sorted(x), sorted(y)).sqrt().sum().item<double>();
  }
  return sum / static_cast<double>(directions);
}

double gaussian_mmd(const at::Tensor& x, const at::Tensor& y, double bandwidth) {
  if (!(bandwidth > 0)) throw Error("MMD: expected a bandwidth above 0, got ", bandwidth);
  return unbiased_mmd(x.to(at::kDouble), y.to(at::kDouble),
                      [&](const at::Tensor& a, const at::Tensor& b) {
                        return (at::cdist(a, b).square() / (-2 * bandwidth * bandwidth)).exp();
                      });
}

double median_distance(const at::Tensor& points) {
  constexpr int64_t kMost = 2000;
  const int64_t n = points.size(0), count = std::min(n, kMost);
  if (n < 2) throw Error("a median distance needs at least 2 points, got ", n);
  const at::Tensor rows = at::arange(count, at::kLong) * (n / count);
  return at::pdist(points.to(at::kDouble).index_select(0, rows)).median().item<double>();
}

}  // namespace diffuse
