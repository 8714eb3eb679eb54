// Averages of the weights whose length grows with the training, and averages of any length made from
// snapshots of two of them.                                                       [Karras24] sec. 3
//
// In the average at time t the weights of time τ, 0 < τ <= t, are weighted by τ^γ: a bell near the end whose
// standard deviation is the fraction `width` of t.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

namespace diffuse {

// The widths in snapshots, and the range of those that can be made from them.
inline constexpr std::array<double, 2> kSnapshotWidths{0.05, 0.1};
inline constexpr double kLeastWidth = 0.005, kMostWidth = 0.25;

// γ of a width: σ_rel² = (γ + 1) / ((γ + 2)² (γ + 3)).                             [Karras24] sec. 3.1
double power_of_width(double width);

// average <- β average + (1 − β) parameter, β = (1 − 1/t)^(γ + 1) at update t = 1, 2, ...; kept in float32
// (float64 for float64 parameters).
class PowerEma {
 public:
  PowerEma(std::vector<at::Tensor> parameters, double width);

  // Call it after each optimiser update; `step` counts the updates before it: 0, 1, ...
  void update(int64_t step);

  // In the parameters' order: copy into them to restore a checkpoint.
  const std::vector<at::Tensor>& averages() const { return averages_; }

 private:
  std::vector<at::Tensor> parameters_, averages_;
  double gamma_;
};

// An average of a width after `step` updates.
struct PowerAverage {
  double step, width;
};

// The factors of `snapshots` whose weighted sum is nearest, in mean square over time, to `wanted`; they
// sum to about 1.                                                            [Karras24] sec. 3.2, app. C
std::vector<double> snapshot_weights(const std::vector<PowerAverage>& snapshots,
                                     const PowerAverage& wanted);

}  // namespace diffuse
