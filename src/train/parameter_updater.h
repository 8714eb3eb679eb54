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
#include "muon.h"
#include "src/distributed/shards.h"
#include "src/model/ema.h"
#include "src/model/power_ema.h"

namespace diffuse {

// A section of a checkpoint. Its tensors are the owner's, not copies: to read a checkpoint, copy into them.
struct StateSection {
  std::string path;
  NamedTensors tensors;
  bool weights = false;  // also in a checkpoint without training state
};

// Float scalars on the device.
struct UpdateFigures {
  at::Tensor gradient_norm;  // over all modules, before clipping
  at::Tensor skipped;        // 1 if the update was skipped for non-finite gradients, else 0
};

// Unscales and clips the gradients of the modules' parameters, then applies the optimiser and EMA. Parameters that
// require no gradient are unchanged.
class ParameterUpdater {
 public:
  // The modules are on `device` and stay there. All ranks must make the same calls of update, with_averages
  // and state.
  ParameterUpdater(const TrainConfig& config, NamedModules modules, c10::Device device,
                   c10::ScalarType precision, World& world);

  // The trained parameters of all modules.
  const std::vector<at::Tensor>& parameters() const { return parameters_; }

  // The scaled loss for the backward pass: small gradients would underflow in float16.
  at::Tensor scale(const at::Tensor& loss) const { return scaler_.scale(loss); }

  // Update `step` from the parameters' gradients, which it consumes.
  UpdateFigures update(int64_t step);

  void drop_gradients();

  // Calls `work` while the modules have their EMA weights; `work` must not change them.
  void with_averages(const std::function<void()>& work);

  // The sections of each module, then "counters". Tensors of other ranks are gathered on rank 0 if `gather`,
  // otherwise without values.
  std::vector<StateSection> state(bool gather) const;

 private:
  TrainConfig config_;
  NamedModules modules_;
  std::vector<at::Tensor> parameters_;
  Shards shards_;  // of the parameters: those of this rank's ema_ and adam_
  Ema ema_;
  std::vector<PowerEma> power_emas_;  // of kSnapshotWidths, where snapshots are taken
  Optimizer adam_;
  LossScaler scaler_;
};

}  // namespace diffuse
