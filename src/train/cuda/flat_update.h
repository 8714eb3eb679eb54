// An update of all parameters by the GPU kernels: the gradients' norm, clipping, Adam, the moving average and the
// low-precision copies, in two passes over flat buffers. Nothing is read back: all that changes from step to
// step is on the device, so that a captured graph can replay it.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <vector>

#include "diffuse/config/config.h"

namespace diffuse::cuda {

// Parameters of one kind end to end, all buffers [N] and contiguous on one device.
struct FlatGroup {
  at::Tensor parameter;                    // float32
  at::Tensor gradient;                     // float32 or the type of the low-precision copies
  at::Tensor first_moment, second_moment;  // float32
  at::Tensor average = {};                 // float32; undefined: no moving average
  at::Tensor low = {};                     // the parameters in bfloat16 or half; undefined: no copy
};

// Scalar tensors on the device.
struct UpdateScalars {
  at::Tensor learning_rate,
      average_decay;           // float64: of this update, see learning_rate_at and Ema::decay_at
  at::Tensor loss_scale = {};  // float32: what the gradients were multiplied by; undefined: 1
  at::Tensor count;            // float32: updates done; raised by 1 unless this one is skipped
  at::Tensor norm, found_inf;  // float32, written: the unscaled gradients' norm; 1 if skipped
};

// Whether the device has the kernels, for low-precision copies of `low` (float32: none).
bool updates_flat(c10::Device device, c10::ScalarType low);

// The squares of the gradients' numbers, summed by parts -> float64 [parts]. Sums of several lists can be joined
// by at::cat. A norm beyond 1e19 counts as infinite.
at::Tensor gradient_squares(const std::vector<at::Tensor>& gradients, c10::ScalarType low);

// From gradient_squares of all gradients to the factors of update_group (opaque), for Adam or AdamW by
// config.optimizer with clipping to config.gradient_clip. Skips the update where the norm is not finite; writes
// norm and found_inf, counts the update.
at::Tensor prepare_update(const TrainConfig& config, const at::Tensor& squares,
                          const UpdateScalars& scalars, c10::ScalarType low);

// The update, as LibTorch's fused kernels; then the average, also where the update is skipped, and the
// low-precision copy. Gradients are left as they are.
void update_group(const FlatGroup& group, const at::Tensor& prepared, c10::ScalarType low);

}  // namespace diffuse::cuda
