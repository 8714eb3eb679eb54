// Dynamic loss scaling for float16 gradients. [Micikevicius18]
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

namespace diffuse {

// Doubles the scale after 2,000 good updates in a row and halves it at each overflow, never below 1.
// If disabled (float32, bfloat16), the scale is 1 and only the check for non-finite gradients remains.
class LossScaler {
 public:
  LossScaler(bool enabled, c10::Device device);

  at::Tensor scale(const at::Tensor& loss) const;
  const at::Tensor& scale() const { return scale_; }  // float scalar

  // Divides the gradients by the scale. Returns 1 if any is not finite, else 0 (float scalar).
  at::Tensor unscale(std::vector<at::Tensor>& gradients) const;

  void update(const at::Tensor& found_inf);

  // "loss_scale" and "loss_scale_growth": the scaler's own tensors, to save or copy into.
  std::vector<std::pair<std::string, at::Tensor>> state() const;

 private:
  bool enabled_;
  at::Tensor scale_;   // float scalar
  at::Tensor growth_;  // int32 scalar: good updates in a row
};

}  // namespace diffuse
