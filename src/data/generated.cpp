// Sets drawn from a formula. Held-out items have the same distribution as the others, with separate
// streams.
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <span>
#include <utility>

#include "diffuse/core/random.h"
#include "sources.h"
#include "tensor_dataset.h"

namespace diffuse {

// Items of `shape` drawn one by one: draw(i, stream, out).
template <class Draw>
static at::Tensor draw_items(const DataConfig& config, Split split, uint64_t seed,
                             std::vector<int64_t> shape, const Draw& draw) {
  constexpr uint64_t kHeldOutOffset = uint64_t{1} << 40;
  const uint64_t first = split == Split::kTrain ? 0 : kHeldOutOffset;
  int64_t count = config.count > 0 ? config.count : 5000;
  if (split == Split::kHeldOut && config.held_out > 0) count = config.held_out;
  int64_t numbers = 1;
  for (const int64_t side : shape) numbers *= side;
  check_memory(config, count, numbers * int64_t{sizeof(float)}, concat("/data/type ", config.type));

  shape.insert(shape.begin(), count);
  at::Tensor items = at::empty(shape, at::kFloat);
  float* out = items.mutable_data_ptr<float>();
  for (int64_t i = 0; i < count; ++i, out += numbers) {
    RandomStream random(seed, Purpose::kDataset, first + i);
    draw(i, random, std::span<float>(out, numbers));
  }
  return items;
}

// scikit-learn's make_swiss_roll projected along its axis: (t cos t, t sin t) + noise z, over 4, with
// t uniform in [1.5 pi, 4.5 pi] and z ~ N(0, I).
std::shared_ptr<const Dataset> draw_swiss_roll(const DataConfig& config, Split split,
                                               uint64_t seed) {
  constexpr double kScale = 4;
  const auto draw = [&](int64_t, RandomStream& random, std::span<float> out) {
    const double t = 1.5 * std::numbers::pi * (1 + 2 * random.uniform());
    out[0] = static_cast<float>((t * std::cos(t) + config.noise * random.normal()) / kScale);
    out[1] = static_cast<float>((t * std::sin(t) + config.noise * random.normal()) / kScale);
  };
  return make_tensor_dataset(draw_items(config, split, seed, {2}, draw), SampleKind::kPoint);
}

std::shared_ptr<const Dataset> draw_gaussian(const DataConfig& config, Split split, uint64_t seed) {
  const auto sigma = static_cast<float>(std::sqrt(config.variance));
  const auto draw = [&](int64_t, RandomStream& random, std::span<float> out) {
    random.fill_normal(out);
    for (float& value : out) value *= sigma;
  };
  return make_tensor_dataset(draw_items(config, split, seed, {config.dimensions}, draw),
                             SampleKind::kPoint);
}

// Component k with probability weights[k] / sum, then N(means[k], variance I).
std::shared_ptr<const Dataset> draw_mixture(const DataConfig& config, Split split, uint64_t seed) {
  const auto components = config.means.size() / static_cast<size_t>(config.dimensions);
  TORCH_CHECK(components > 0, "a mixture needs components");
  std::vector<double> cumulative =
      config.weights.empty() ? std::vector<double>(components, 1.0) : config.weights;
  std::partial_sum(cumulative.begin(), cumulative.end(), cumulative.begin());
  const double sigma = std::sqrt(config.variance);
  const auto draw = [&](int64_t, RandomStream& random, std::span<float> out) {
    const double place = random.uniform() * cumulative.back();
    const auto k =
        std::upper_bound(cumulative.begin(), cumulative.end() - 1, place) - cumulative.begin();
    for (size_t d = 0; d < out.size(); ++d)
      out[d] = static_cast<float>(config.means[k * out.size() + d] + sigma * random.normal());
  };
  return make_tensor_dataset(draw_items(config, split, seed, {config.dimensions}, draw),
                             SampleKind::kPoint);
}

// The value of wave `kind` at `phase` of its period, in [0, 1): from -1 to 1.
static double wave(int64_t kind, double phase) {
  switch (kind) {
    case 0:
      return std::sin(2 * std::numbers::pi * phase);
    case 1:
      return phase < 0.5 ? 1 : -1;
    case 2:
      return 4 * std::abs(phase - 0.5) - 1;
    default:
      return 2 * phase - 1;
  }
}

std::shared_ptr<const Dataset> draw_waveforms(const DataConfig& config, Split split,
                                              uint64_t seed) {
  const std::vector<std::string> names{"sine", "square", "triangle", "sawtooth"};
  const auto kinds = static_cast<int64_t>(names.size());
  const auto draw = [&](int64_t i, RandomStream& random, std::span<float> out) {
    const double periods = 2 + 2 * random.uniform();
    const double start = random.uniform();
    const double height = 0.5 + 0.4 * random.uniform();
    for (size_t k = 0; k < out.size(); ++k) {
      const double turns =
          start + periods * static_cast<double>(k) / static_cast<double>(out.size());
      out[k] = static_cast<float>(height * wave(i % kinds, turns - std::floor(turns)));
    }
  };
  at::Tensor items = draw_items(config, split, seed, {1, config.length}, draw);
  std::vector<int64_t> labels(items.size(0));
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int64_t>(i) % kinds;
  return make_tensor_dataset(std::move(items), SampleKind::kSignal, std::move(labels), names);
}

namespace {

constexpr size_t kVariables = 4;
using Variables = std::array<double, kVariables>;

// Each variable reads itself and earlier ones, so that all are stationary as each is by itself.
constexpr std::array<Variables, kVariables> kLast{
    {{1.5, 0, 0, 0}, {0.4, 1.2, 0, 0}, {0, -0.3, 0.6, 0}, {0.2, 0, 0.5, 0.3}}};      // A
constexpr Variables kBeforeLast{-0.8, -0.6, 0.2, -0.5}, kStep{0.25, 0.3, 0.5, 0.5};  // B, S

Variables next_of(const Variables& last, const Variables& before, RandomStream& random) {
  Variables next{};
  for (size_t i = 0; i < kVariables; ++i) {
    next[i] = kBeforeLast[i] * before[i] + kStep[i] * random.normal();
    for (size_t j = 0; j < kVariables; ++j) next[i] += kLast[i][j] * last[j];
  }
  return next;
}

}  // namespace

std::shared_ptr<const Dataset> draw_autoregressive(const DataConfig& config, Split split,
                                                   uint64_t seed) {
  constexpr int64_t kForgotten = 400;  // steps after which a start at 0 is: 0.9^400 is 5e-19
  const auto draw = [&](int64_t, RandomStream& random, std::span<float> out) {
    Variables last{}, before{};
    for (int64_t t = -kForgotten; t < config.length; ++t) {
      before = std::exchange(last, next_of(last, before, random));
      for (size_t i = 0; t >= 0 && i < kVariables; ++i)
        out[i * static_cast<size_t>(config.length) + static_cast<size_t>(t)] =
            static_cast<float>(last[i]);
    }
  };
  return make_tensor_dataset(draw_items(config, split, seed, {kVariables, config.length}, draw),
                             SampleKind::kSignal);
}

}  // namespace diffuse
