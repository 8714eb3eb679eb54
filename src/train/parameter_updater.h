// From gradients to parameters, for all modules that are trained together.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "diffuse/config/config.h"
#include "diffuse/distributed/world.h"
#include "diffuse/model_file/checkpoint.h"
#include "flat_update.h"
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

// How the parameters and their state lie in memory.
struct UpdateLayout {
  // Each in one buffer, for devices that want few kernels; not with shards or an obstacle_to_flat_update(). What
  // is frozen stays where it is.
  bool flat = false;
  // If flat: that of the copies which networks compute with, float32 for none.
  c10::ScalarType low = c10::kFloat;
};

// Unscales and clips the gradients of the modules' parameters, then applies the optimiser and EMA. Parameters
// that require no gradient are unchanged.
class ParameterUpdater {
 public:
  // The modules are on `device` and stay there; their frozen parameters already require no gradient. Throws as
  // rate_factors(). All ranks must make the same calls of update, with_averages and state.
  ParameterUpdater(const TrainConfig& config, NamedModules modules, c10::Device device,
                   c10::ScalarType precision, World& world, const UpdateLayout& layout = {});

  // The trained parameters of all modules.
  const std::vector<at::Tensor>& parameters() const { return parameters_; }

  // The scaled loss for the backward pass: small gradients would underflow in float16.
  at::Tensor scale(const at::Tensor& loss) const { return scaler_.scale(loss); }

  // To be called before update(step): with a flat layout, update() itself reads the device alone.
  void prepare(int64_t step);

  // Update `step` from the parameters' gradients, which it consumes.
  UpdateFigures update(int64_t step);

  // With a flat layout, all gradients as one tensor; else undefined.
  at::Tensor flat_gradients() const { return flat_ ? flat_->gradients() : at::Tensor(); }

  // The low copies of the parameters' values, for a WeightCacheScope; null where there are none.
  WeightCache* low_copies() { return layout_.low != c10::kFloat ? &flat_->low_copies() : nullptr; }

  // To be called when the tensors of state() have been written.
  void restored();

  void drop_gradients();

  // Calls `work` while the modules have their EMA weights; `work` must not change them.
  void with_averages(const std::function<void()>& work);

  // The sections of each module, then "counters". Tensors of other ranks are gathered on rank 0 if `gather`,
  // otherwise without values.
  std::vector<StateSection> state(bool gather) const;

 private:
  TrainConfig config_;
  NamedModules modules_;
  UpdateLayout layout_;
  std::vector<at::Tensor> parameters_;
  Shards shards_;                     // of the parameters: those of this rank's ema_ and adam_
  std::unique_ptr<FlatUpdate> flat_;  // null: ema_ and adam_ keep tensors of their own
  Ema ema_;
  std::vector<PowerEma> power_emas_;  // of kSnapshotWidths if snapshots are taken
  Optimizer adam_;
  LossScaler scaler_;
};

}  // namespace diffuse
