// Adam and AdamW on LibTorch's fused kernels, the learning-rate schedule and gradient clipping.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <map>
#include <vector>

#include "diffuse/config/config.h"

namespace diffuse {

// The learning rate of update `step` (0 = the first): a linear warm-up that reaches the full rate at
// update warmup_steps, times the schedule, which ends at 0 after `config.steps` updates (cosine, linear,
// trapezoid) or falls as 1 / √step (inverse_sqrt [Karras24]).
double learning_rate_at(const TrainConfig& config, int64_t step);

// The parameters' gradients; undefined for parameters without one.
std::vector<at::Tensor> gradients_of(const std::vector<at::Tensor>& parameters);

// Global L2 norm over all gradients as a scalar tensor (no host synchronisation).
at::Tensor gradient_norm(const std::vector<at::Tensor>& gradients);

// Scales the gradients so that their global norm is at most `limit`.
void clip_gradients(std::vector<at::Tensor>& gradients, const at::Tensor& norm, double limit);

// Adam [Kingma15] or AdamW [Loshchilov19] by config.optimizer, with state in float32.
class Adam {
 public:
  // The parameters are on `device`; there may be none. `factors` of the learning rate, one for each; empty: all 1.
  Adam(const TrainConfig& config, std::vector<at::Tensor> parameters, c10::Device device,
       const std::vector<double>& factors = {});

  // One update from the parameters' gradients. If found_inf (a float scalar tensor) is 1, the update is
  // skipped and not counted.
  void step(double learning_rate, const at::Tensor& found_inf);

  const std::vector<at::Tensor>& first_moment() const { return first_moment_; }
  const std::vector<at::Tensor>& second_moment() const { return second_moment_; }
  // The number of updates, as a float scalar tensor.
  const at::Tensor& count() const { return count_; }

 private:
  void step_group(double learning_rate, const std::vector<size_t>& group,
                  const at::Tensor& found_inf);

  TrainConfig config_;
  std::vector<at::Tensor> parameters_, first_moment_, second_moment_;
  std::map<double, std::vector<size_t>> groups_;  // parameters by factor
  at::Tensor count_;
};

}  // namespace diffuse
