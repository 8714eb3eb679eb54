// Detects a loss far above the preceding ones.
#pragma once

#include <cstdint>

namespace diffuse {

// Keeps exponential moving averages, of weight 0.1, for the mean and variance of the losses.
class LossSpikeDetector {
 public:
  // Whether the loss exceeds the mean of the preceding losses by more than 6 standard deviations and by more
  // than half of the mean; never for the first ten. A spike enters the averages clamped to that limit.
  bool see(double loss);

  double mean() const { return mean_; }

 private:
  double mean_ = 0, variance_ = 0;
  int64_t seen_ = 0;
};

}  // namespace diffuse
