// From gradients to parameters, for all modules that are trained together.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "diffuse/config/config.h"
#include "diffuse/distributed/world.h"
#include "diffuse/model_file/checkpoint.h"
#include "loss_scaler.h"
#include "optimizer.h"
#include "src/distributed/shards.h"
#include "src/model/ema.h"

namespace diffuse {

// A section of a checkpoint. Its tensors are the owner's own: reading a checkpoint is copying into
// them.
struct StateSection {
  std::string path;
  NamedTensors tensors;
  bool weights = false;  // is there, too, where a checkpoint holds no training
};

// Float scalars on the device.
struct UpdateFigures {
  at::Tensor gradient_norm;  // over all modules, before clipping
  at::Tensor skipped;  // 1 where gradients were not finite and the update was left out, else 0
};

// Unscales and clips the gradients of the modules' parameters, then Adam and EMA. Parameters that
// require no gradient stay as they are.
class ParameterUpdater {
 public:
  // The modules are on `device` and stay there. All ranks must call update, with_averages and state
  // alike.
  ParameterUpdater(const TrainConfig& config, NamedModules modules, c10::Device device,
                   c10::ScalarType precision, World& world);

  // Those that are trained, of all modules.
  const std::vector<at::Tensor>& parameters() const { return parameters_; }

  // The loss to compute gradients of: in float16 small ones would be lost.
  at::Tensor scale(const at::Tensor& loss) const { return scaler_.scale(loss); }

  // Update `step` from the parameters' gradients, which are gone after it.
  UpdateFigures update(int64_t step);

  void drop_gradients();

  // Calls `work`, which must leave the weights as they are, while the modules have their averages.
  void with_averages(const std::function<void()>& work);

  // The sections of each module, then "counters". Where other ranks keep some tensors they are
  // gathered on rank 0, or left without values.
  std::vector<StateSection> state(bool gather) const;

 private:
  TrainConfig config_;
  NamedModules modules_;
  std::vector<at::Tensor> parameters_;
  Shards shards_;  // of the parameters: what ema_ and adam_ of this rank are for
  Ema ema_;
  Adam adam_;
  LossScaler scaler_;
};

}  // namespace diffuse
