// The bound's terms, collected over items and processes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "diffuse/distributed/world.h"
#include "diffuse/eval/bound.h"

namespace diffuse {

// Results of N items at K timesteps each, float64 on the CPU unless noted.
struct MeasuredTerms {
  at::Tensor prior;                          // [N]
  at::Tensor t;                              // int64 [N, K]; the first column is 0
  at::Tensor weight;                         // [N, K]: number of timesteps represented
  at::Tensor term, monte_carlo, distortion;  // [N, K]
};

// Sums over items for each timestep [T].
class TimestepSums {
 public:
  explicit TimestepSums(int64_t T);

  // values [N, T], with present [N, T] 1 for measured ones, else 0.
  void add(const at::Tensor& values, const at::Tensor& present);

  void join(World& world);

  // All sums [3, T].
  at::Tensor packed() const;
  void add_packed(const at::Tensor& sums);

  int64_t count(int64_t t) const;
  Estimate at(int64_t t) const;

 private:
  at::Tensor count_, sum_, squares_;
};

// The results of all items.
class BoundSum {
 public:
  explicit BoundSum(int64_t T);

  void add(const MeasuredTerms& measured);

  // All sums as one tensor [12 T + 4 N], for N items.
  at::Tensor packed() const;
  void add_packed(const at::Tensor& packed);

  // Sums over all `n` items, after each process has added its share.
  void join(World& world, int64_t n);

  Bound result() const;

 private:
  int64_t T_;
  TimestepSums term_, monte_carlo_, rate_, distortion_;
  std::vector<at::Tensor> prior_, diffusion_, reconstruction_, sampled_;
};

}  // namespace diffuse
