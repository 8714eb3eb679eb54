#include "bound_sum.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "items.h"

namespace diffuse {

TimestepSums::TimestepSums(int64_t T)
    : count_(at::zeros({T}, at::kDouble)),
      sum_(at::zeros_like(count_)),
      squares_(at::zeros_like(count_)) {}

void TimestepSums::add(const at::Tensor& values, const at::Tensor& present) {
  count_ += present.sum(0);
  sum_ += (values * present).sum(0);
  squares_ += (values.square() * present).sum(0);
}

void TimestepSums::join(World& world) {
  for (const at::Tensor& sum : {count_, sum_, squares_}) world.sum(sum);
}

at::Tensor TimestepSums::packed() const { return at::stack({count_, sum_, squares_}); }

void TimestepSums::add_packed(const at::Tensor& sums) {
  count_ += sums[0];
  sum_ += sums[1];
  squares_ += sums[2];
}

int64_t TimestepSums::count(int64_t t) const {
  return static_cast<int64_t>(count_[t].item<double>());
}

Estimate TimestepSums::at(int64_t t) const {
  const auto n = static_cast<double>(count(t));
  const double mean = sum_[t].item<double>() / n;
  if (n < 2) return {mean, std::numeric_limits<double>::quiet_NaN()};
  const double variance = std::max(squares_[t].item<double>() / n - mean * mean, 0.0);
  return {mean, std::sqrt(variance / (n - 1))};
}

BoundSum::BoundSum(int64_t T) : T_(T), term_(T), monte_carlo_(T), rate_(T), distortion_(T) {
  for (auto* parts : {&prior_, &diffusion_, &reconstruction_, &sampled_})
    parts->push_back(at::empty({0}, at::kDouble));
}

void BoundSum::add(const MeasuredTerms& m) {
  const auto table = [&](const at::Tensor& values) {  // [N, K] -> [N, T]
    return at::zeros({values.size(0), T_}, at::kDouble).scatter(1, m.t, values);
  };
  const at::Tensor present = table(at::ones_like(m.weight));
  term_.add(table(m.term), present);
  monte_carlo_.add(table(m.monte_carlo), present);
  distortion_.add(table(m.distortion), present);
  const at::Tensor weighed = table(m.weight * m.term);
  const at::Tensor below = weighed.cumsum(1);  // the terms at t and below
  const at::Tensor above = below.slice(1, T_ - 1) - below;
  rate_.add(m.prior.unsqueeze(1) + above, at::ones_like(above));
  prior_.push_back(m.prior);
  reconstruction_.push_back(m.term.select(1, 0));
  diffusion_.push_back((m.weight * m.term).slice(1, 1).sum(1));
  sampled_.push_back((m.weight * m.monte_carlo).slice(1, 1).sum(1));
}

at::Tensor BoundSum::packed() const {
  std::vector<at::Tensor> parts;
  for (const auto* sums : {&term_, &monte_carlo_, &rate_, &distortion_})
    parts.push_back(sums->packed().flatten());
  for (const auto* items : {&prior_, &diffusion_, &reconstruction_, &sampled_})
    parts.push_back(at::cat(*items));
  return at::cat(parts);
}

void BoundSum::add_packed(const at::Tensor& packed) {
  int64_t at = 0;
  for (auto* sums : {&term_, &monte_carlo_, &rate_, &distortion_}) {
    sums->add_packed(packed.slice(0, at, at + 3 * T_).view({3, T_}));
    at += 3 * T_;
  }
  const int64_t n = (packed.size(0) - at) / 4;
  for (auto* items : {&prior_, &diffusion_, &reconstruction_, &sampled_}) {
    items->push_back(packed.slice(0, at, at + n));
    at += n;
  }
}

void BoundSum::join(World& world, int64_t n) {
  for (auto* sums : {&term_, &monte_carlo_, &rate_, &distortion_}) sums->join(world);
  for (auto* parts : {&prior_, &diffusion_, &reconstruction_, &sampled_})
    *parts = {world.gather_rows(at::cat(*parts), n)};
}

Bound BoundSum::result() const {
  Bound bound;
  const at::Tensor prior = at::cat(prior_), reconstruction = at::cat(reconstruction_),
                   diffusion = at::cat(diffusion_);
  bound.prior = estimate(prior);
  bound.diffusion = estimate(diffusion);
  bound.reconstruction = estimate(reconstruction);
  bound.total = estimate(prior + diffusion + reconstruction);
  bound.monte_carlo = estimate(at::cat(sampled_));
  bound.items = prior.size(0);
  for (int64_t t = 0; t < T_; ++t)
    if (const int64_t count = term_.count(t); count > 0)
      bound.rows.push_back(
          {t, count, term_.at(t), monte_carlo_.at(t), rate_.at(t), distortion_.at(t)});
  return bound;
}

}  // namespace diffuse
