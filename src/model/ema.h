// Exponential moving average of parameters, for sampling.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace diffuse {

// average <- d average + (1 - d) parameter, with d_s = min(decay, (1 + s) / (10 + s)) when warming
// up. Kept in float32 (float64 for float64 parameters).
class Ema {
 public:
  // Starts from the current parameters, on their device: build it after moving their module, and do not move
  // the module afterwards. `averages`: those that another updates, instead of own ones.
  Ema(std::vector<at::Tensor> parameters, double decay, bool warmup,
      std::vector<at::Tensor> averages = {});

  // Call it after each optimiser update; `step` counts the updates before it: 0, 1, ...
  void update(int64_t step);

  double decay_at(int64_t step) const;

  // In the parameters' order: copy into them to restore a checkpoint.
  const std::vector<at::Tensor>& averages() const { return averages_; }

 private:
  friend class EmaScope;
  std::vector<at::Tensor> parameters_, averages_;
  double decay_;
  bool warmup_;
};

// While it exists, the parameters are the averages; their own values are restored at the end. No values are
// copied, so neither an optimiser nor Ema::update may run meanwhile.
class EmaScope {
 public:
  explicit EmaScope(const Ema& ema);
  ~EmaScope();
  EmaScope(const EmaScope&) = delete;
  EmaScope& operator=(const EmaScope&) = delete;

 private:
  std::vector<at::Tensor> parameters_, trained_;
};

}  // namespace diffuse
