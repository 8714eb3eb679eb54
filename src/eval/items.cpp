#include "items.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "diffuse/core/error.h"
#include "src/arrays/array_file.h"
#include "src/core/stop.h"
#include "src/data/condition.h"
#include "src/distributed/work_queue.h"
#include "src/model/compute_scope.h"

namespace diffuse {

uint32_t step_of(Draw draw, int64_t t) {
  return static_cast<uint32_t>(draw) + static_cast<uint32_t>(t);
}

int64_t item_count(const Dataset& data, const EvaluationOptions& options) {
  TORCH_CHECK(options.items > 0 && options.batch > 0, "no items to evaluate");
  return std::min(options.items, data.size());
}

Items load_items(const Dataset& data, const EvaluationOptions& options, int64_t first,
                 int64_t count) {
  if (options.condition.is_mask())
    throw Error(
        "/condition/type: bpd, rd, ode-bpd and epsilon are of whole samples, but this model is "
        "given ",
        "a part of each by a mask; its held-out loss is measured in training, and --metrics crps ",
        "scores its samples of the rest");
  return load_partly_known(data, options, first, count);
}

Items load_partly_known(const Dataset& data, const EvaluationOptions& options, int64_t first,
                        int64_t count) {
  const int64_t spread = data.size() / item_count(data, options);
  std::vector<int64_t> numbers(count), classes(count);
  Items items;
  for (int64_t i = 0; i < count; ++i) {
    numbers[i] = (first + i) * spread;
    classes[i] = data.label(numbers[i]);
    items.keys.push_back({options.seed, static_cast<uint64_t>(numbers[i])});
  }
  const at::Tensor x0 = data.gather(numbers).to(options.device);
  items.x0 = x0.to(at::kDouble);
  if (options.labels) items.given.labels = at::tensor(classes).to(options.device);
  items.given.condition = condition_of(options.condition, x0, data.condition(numbers), items.keys);
  return items;
}

static void measure_queued(const EvaluationOptions& options, const std::string& name, int64_t n,
                           const std::function<at::Tensor(int64_t, int64_t)>& measure,
                           const std::function<void(const at::Tensor&)>& use) {
  const int64_t parts = (n + options.batch - 1) / options.batch;
  const auto file = [&](int64_t part) {
    return options.queue / concat(name, "-", options.batch, "-", part, ".npy");
  };
  WorkQueue queue(options.queue / ".queue");
  const bool all = queue.run(
      parts, options.patience, [&](int64_t part) { return std::filesystem::exists(file(part)); },
      [&](int64_t part) {
        const int64_t first = part * options.batch;
        write_npy(file(part), measure(first, std::min(options.batch, n - first)));
      });
  if (!all) throw std::runtime_error(concat("stopped by ", stop_reason()));
  for (int64_t part = 0; part < parts; ++part) use(read_npy(file(part)));
}

void measure_parts(const EvaluationOptions& options, const std::string& name, int64_t n,
                   const std::function<at::Tensor(int64_t, int64_t)>& measure,
                   const std::function<void(const at::Tensor&)>& use) {
  if (!options.queue.empty()) return measure_queued(options, name, n, measure, use);
  const Share own = options.world->share(n);
  for (int64_t first = own.begin; first < own.end; first += options.batch)
    use(measure(first, std::min(options.batch, own.end - first)));
}

at::Tensor measure_rows(const EvaluationOptions& options, const std::string& name, int64_t n,
                        at::IntArrayRef row,
                        const std::function<at::Tensor(int64_t, int64_t)>& measure) {
  std::vector<int64_t> none = row.vec();
  none.insert(none.begin(), 0);
  std::vector<at::Tensor> parts{at::empty(none, at::kDouble)};
  measure_parts(options, name, n, measure, [&](const at::Tensor& part) { parts.push_back(part); });
  return options.world->gather_rows(at::cat(parts), n);
}

int64_t own_count(const EvaluationOptions& options, int64_t n) {
  return options.queue.empty() ? options.world->share(n).size() : n;
}

at::Tensor noise_like(const at::Tensor& x0, std::span<const StreamKey> keys,
                      std::span<const uint32_t> steps) {
  const at::Tensor noise = at::empty(x0.sizes(), at::kFloat);
  const auto rows = static_cast<int64_t>(keys.size());
  const int64_t width = x0.numel() / rows;
  float* const data = noise.mutable_data_ptr<float>();
  at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      RandomStream(keys[row].seed, Purpose::kEvaluation, keys[row].index, steps[row])
          .fill_normal({data + row * width, static_cast<size_t>(width)});
  });
  return noise.to(x0.device()).to(at::kDouble);
}

Conditioning select_rows(const Conditioning& given, const at::Tensor& rows) {
  const auto select = [&](const at::Tensor& all) {
    return all.defined() ? all.index_select(0, rows) : all;
  };
  return {select(given.labels), select(given.condition)};
}

Denoiser in_double(Network& network, const GaussianDiffusion& diffusion, const Conditioning& given,
                   const EvaluationOptions& options) {
  return preconditioned(diffusion,
                        [&network, given, device = options.device, precision = options.precision](
                            const at::Tensor& x, const at::Tensor& time) {
                          const PrecisionScope scope(device, precision);
                          return network.forward(x.to(at::kFloat), time, given).to(at::kDouble);
                        });
}

Estimate estimate(const at::Tensor& values) {
  const int64_t n = values.size(0);
  const double mean = values.mean().item<double>();
  if (n < 2) return {mean, std::numeric_limits<double>::quiet_NaN()};
  return {mean, values.std().item<double>() / std::sqrt(static_cast<double>(n))};
}

}  // namespace diffuse
