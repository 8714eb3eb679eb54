// The number format that networks compute in, without autocast: activations and copies of the float32 weights
// are of that type from the first layer to the last; statistics, softmax and sinusoids stay float32.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <optional>

#include "src/core/device.h"

namespace diffuse {

// While one lives, networks on this thread compute in `type`, on any device.
class ComputeScope {
 public:
  explicit ComputeScope(c10::ScalarType type);
  ~ComputeScope();
  ComputeScope(const ComputeScope&) = delete;
  ComputeScope& operator=(const ComputeScope&) = delete;

  static c10::ScalarType type();  // float32 outside of a scope

  // What x is computed in: the scope's type if x is float32, else x's own.
  static c10::ScalarType type_for(const at::Tensor& x);

 private:
  c10::ScalarType outer_;
};

// Whether networks on the device compute in a ComputeScope: on GPUs, and on the CPU where a test brings the GPU's
// kernels. Else autocast, under which the CPU's kernels choose their own formats.
bool computes_in_scope(c10::Device device);

// While one lives, networks on `device` compute in `type`, by one or the other.
class PrecisionScope {
 public:
  PrecisionScope(c10::Device device, c10::ScalarType type);

 private:
  ComputeScope compute_;
  std::optional<AutocastScope> autocast_;
};

}  // namespace diffuse
