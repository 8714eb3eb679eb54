#include "loss_spike_detector.h"

#include <algorithm>
#include <cmath>

namespace diffuse {

bool LossSpikeDetector::see(double loss) {
  constexpr int64_t kFirst = 10;
  if (!std::isfinite(loss)) return false;  // a skipped update, counted elsewhere
  const double limit = std::max(6 * std::sqrt(variance_), 0.5 * mean_);
  const bool spike = seen_ >= kFirst && loss - mean_ > limit;
  const double above = spike ? limit : loss - mean_;
  const double weight = 1.0 / static_cast<double>(std::min(++seen_, kFirst));
  mean_ += weight * above;
  variance_ = (1 - weight) * (variance_ + weight * above * above);
  return spike;
}

}  // namespace diffuse
