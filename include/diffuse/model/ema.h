// Exponential moving average of a network's parameters: the weights that sample best.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace diffuse {

// average <- d average + (1 - d) parameter, with d_s = min(decay, (1 + s) / (10 + s)) when warming
// up. Kept in float32 (float64 for float64 parameters); buffers are left alone.
class Ema {
 public:
  // Starts from the parameters as they are, on their device: build it after moving the module, and
  // do not move the module afterwards.
  Ema(const torch::nn::Module& module, double decay, bool warmup);

  // To be called after each optimiser update; `step` counts the updates before it: 0, 1, ...
  void update(int64_t step);

  double decay_at(int64_t step) const;

  // Parameter names with their averages, in the module's order. The tensors share memory with the
  // averages: copy into them to restore a checkpoint.
  std::vector<std::pair<std::string, at::Tensor>> named_averages() const;

 private:
  friend class EmaScope;
  std::vector<std::string> names_;
  std::vector<at::Tensor> parameters_, averages_;
  double decay_;
  bool warmup_;
};

// While it lives, the module computes with the averages; the parameters come back at the end. No
// values are copied, so neither an optimiser nor Ema::update may run meanwhile.
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
