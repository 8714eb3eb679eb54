// Notices a loss far above those before it.
#pragma once

#include <cstdint>

namespace diffuse {

// Keeps the mean and variance of the losses it has seen, each new one weighing a tenth.
class LossSpikeDetector {
 public:
  // Whether the loss is over 6 standard deviations, and over half of the mean, above the mean of
  // those before it; never among the first ten. One that is counts as that limit.
  bool see(double loss);

  double mean() const { return mean_; }

 private:
  double mean_ = 0, variance_ = 0;
  int64_t seen_ = 0;
};

}  // namespace diffuse
