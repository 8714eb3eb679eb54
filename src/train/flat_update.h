// The update of parameters whose values, gradients, moments and averages lie in one buffer each: a few kernels
// however many parameters there are, all their inputs on the device, so that it can be recorded.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <utility>
#include <vector>

#include "diffuse/config/config.h"
#include "flat_buffer.h"
#include "loss_scaler.h"
#include "src/model/weight_cache.h"

namespace diffuse {

class FlatUpdate {
 public:
  // Moves the parameters into a buffer of their own, with gradients of 0 that backward passes add to. `low`: the
  // precision of the copies that the network computes with; float32: none. `frozen`: parameters that get such copies
  // only.
  FlatUpdate(const TrainConfig& config, const std::vector<at::Tensor>& parameters,
             c10::ScalarType low, std::vector<at::Tensor> frozen = {});

  // The numbers of the next run(), which reads them on the device: d in average <- d average + (1 - d) parameter.
  void prepare(double learning_rate, double average_decay);

  // Gradients of `scaler`'s loss -> parameters, averages, low copies; the gradients are then 0. `updates`: float
  // scalar, the good updates so far. Returns the norm and 1 if the update was skipped, else 0.
  std::pair<at::Tensor, at::Tensor> run(LossScaler& scaler, const at::Tensor& updates);

  void drop_gradients() { gradients_.all.zero_(); }

  // After the parameters, frozen ones included, have been written by other means.
  void restored();

  // Each parameter's low copy by its data; empty in float32.
  WeightCache& low_copies() { return low_copies_; }

  const at::Tensor& gradients() const { return gradients_.all; }
  const std::vector<at::Tensor>& averages() const { return averages_.parts; }
  const std::vector<at::Tensor>& first_moment() const { return first_moment_.parts; }
  const std::vector<at::Tensor>& second_moment() const { return second_moment_.parts; }

 private:
  at::ScalarType low_type() const;
  void refresh_low_copies();
  std::pair<at::Tensor, at::Tensor> by_kernels(const LossScaler& scaler, const at::Tensor& updates);
  std::pair<at::Tensor, at::Tensor> by_operators(const LossScaler& scaler,
                                                 const at::Tensor& updates);
  void adam(const at::Tensor& updates, const at::Tensor& divisor, const at::Tensor& found_inf);

  TrainConfig config_;
  FlatBuffer values_, gradients_, first_moment_, second_moment_, averages_, low_;
  at::Tensor numbers_;  // [2] float64: learning rate, decay of the averages
  WeightCache low_copies_;
  std::vector<at::Tensor> frozen_;
};

}  // namespace diffuse
