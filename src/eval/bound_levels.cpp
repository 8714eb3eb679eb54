#include "src/eval/bound_levels.h"

#include <ATen/ATen.h>

#include <vector>

#include "diffuse/diffusion/noise_schedule.h"

namespace diffuse {

static constexpr int64_t kContinuousRows = 1000;

static at::Tensor times_of(const Process& process) {
  if (process.schedule() != nullptr)
    return at::arange(process.schedule()->timesteps(), at::kDouble);
  std::vector<double> times;
  for (int64_t i = 0; i < kContinuousRows; ++i)
    times.push_back(
        process.time_at(static_cast<double>(i) / static_cast<double>(kContinuousRows - 1)));
  return at::tensor(times, at::kDouble);
}

// The levels one row earlier, the data first.
static at::Tensor shifted(const at::Tensor& table, double of_data) {
  return at::cat({at::full({1}, of_data, at::kDouble), table.slice(0, 0, -1)});
}

BoundLevels::BoundLevels(const Process& process) : at_(process.levels(times_of(process))) {
  const Level data;
  before_ = {.time = shifted(at_.time, data.time),
             .a = shifted(at_.a, data.a),
             .s = shifted(at_.s, data.s)};
}

Levels BoundLevels::select(const Levels& table, const at::Tensor& row) {
  const at::Tensor index = row.to(at::kCPU);
  const auto taken = [&](const at::Tensor& values) {
    return values.index_select(0, index).to(row.device());
  };
  return {.time = taken(table.time), .a = taken(table.a), .s = taken(table.s)};
}

}  // namespace diffuse
