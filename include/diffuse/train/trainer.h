// One optimiser update after another: batch -> loss -> backward -> clip -> Adam -> EMA.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "diffuse/config/config.h"
#include "diffuse/data/dataset.h"
#include "diffuse/diffusion/gaussian_diffusion.h"
#include "diffuse/distributed/world.h"
#include "diffuse/model_file/checkpoint.h"
#include "diffuse/model_file/model.h"
#include "diffuse/train/held_out.h"
#include "diffuse/train/train_report.h"

namespace diffuse {

struct Batch;
struct StateSection;
class BatchLoader;
class GradientReducer;
class Objective;
class ParameterUpdater;
class ResidentImages;
class StepGraphs;
struct TrainingRows;
struct UpdateLayout;
class Pace;
class TrainStatistics;

class Trainer {
 public:
  // Fills in config.model's sample_shape and classes from the data. Throws Error if the parts are
  // inconsistent. With several processes, each computes its share of every batch; all must construct a
  // trainer and make the same calls of update, report, evaluate, with_averages, checkpoint and restore. They
  // start with rank 0's weights.
  Trainer(Config config, std::shared_ptr<const Dataset> data, c10::Device device,
          std::shared_ptr<World> world = std::make_shared<World>());
  ~Trainer();
  Trainer(Trainer&&) noexcept;

  // Resumes all ranks from rank 0's checkpoint, if it has one; the other ranks need none. The number of ranks
  // and train.shard_optimizer may differ from the run that wrote it. Throws Error if its model or diffusion
  // differ. If it has only weights, a new training starts from them.
  void restore(const std::optional<Checkpoint>& checkpoint);

  // Everything that restore() needs, on rank 0 (on other ranks, only their own part). On the CPU, resuming
  // from it reproduces the run bit for bit.
  ValueDict checkpoint() const;

  // The two averages of train.ema_snapshot_every in the format of a run folder's ema/step-N.pt; on rank 0, like
  // checkpoint().
  ValueDict snapshot() const;

  // One optimiser update.
  void update();

  // Reads and resets the running averages, of at least one update; waits for the device.
  TrainReport report();
  int64_t updates_since_report() const;

  // Calls `work` while the network has its EMA weights; `work` must not change them.
  void with_averages(const std::function<void()>& work);

  // The number of consecutive skipped updates up to now. Waits for the device.
  int64_t skipped_in_row() const;

  // The first place with non-finite numbers: a layer's weights or output, by name, or the loss after the
  // network. Computes the next batch's gradients, and discards them.
  std::string first_bad_part();

  // Computes the gradients of the next batch's first `rows` samples, and discards them.
  void try_gradients(int64_t rows);

  // With the EMA weights.
  HeldOutLoss evaluate(const Dataset& held_out);

  const Config& config() const { return config_; }
  int64_t step() const { return step_; }
  Network& network() { return *network_; }
  Model model() const { return {"this run", config_, network_, device_}; }
  const GaussianDiffusion& diffusion() const;
  const Dataset& data() const { return *data_; }
  c10::Device device() const { return device_; }
  c10::ScalarType precision() const { return precision_; }
  World& world() const { return *world_; }

 private:
  UpdateLayout layout() const;
  void prepare();
  Batch next_batch();
  at::Tensor pass(const TrainingRows& rows, bool last);
  TrainingRows draw(const Batch& batch, int64_t begin, int64_t end);
  void forward_backward(const Batch& batch);
  void apply_gradients();
  double communication_seconds() const;
  int64_t micro_batch() const;
  ValueDict root() const;
  std::vector<StateSection> state(bool gather) const;

  Config config_;
  std::shared_ptr<const Dataset> data_;
  std::shared_ptr<World> world_;
  Share rows_;  // of each batch
  c10::Device device_;
  c10::ScalarType precision_;
  std::unique_ptr<Objective> objective_;
  std::shared_ptr<Network> network_;
  std::unique_ptr<ParameterUpdater> updater_;
  std::unique_ptr<GradientReducer> reducer_;
  std::unique_ptr<TrainStatistics> statistics_;
  std::unique_ptr<Pace> pace_;
  at::Tensor loss_;  // float scalar: this rank's part of the mean loss of the update under way
  // Created at the first update, when the step is known.
  std::unique_ptr<BatchLoader> loader_;
  std::unique_ptr<ResidentImages> images_;  // null: the loader reads the data
  std::unique_ptr<StepGraphs> graphs_;      // null: kernels are launched one by one
  int64_t step_ = 0;
};

}  // namespace diffuse
