// One optimiser update after another: batch -> loss -> backward -> clip -> Adam -> EMA.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "diffuse/config/config.h"
#include "diffuse/core/random_tensor.h"
#include "diffuse/data/batch_loader.h"
#include "diffuse/data/dataset.h"
#include "diffuse/diffusion/gaussian_diffusion.h"
#include "diffuse/diffusion/timestep_sampler.h"
#include "diffuse/distributed/gradient_reducer.h"
#include "diffuse/distributed/shards.h"
#include "diffuse/distributed/world.h"
#include "diffuse/model/ema.h"
#include "diffuse/model_file/checkpoint.h"
#include "diffuse/train/held_out.h"
#include "diffuse/train/loss_scaler.h"
#include "diffuse/train/optimizer.h"

namespace diffuse {

// Where the seconds of a process went, per update.
struct RankTimes {
  double data = 0;           // waiting for data
  double compute = 0;        // the rest
  double communication = 0;  // waiting for other processes and the network
};

// The ranks that others wait for: over a quarter and 10 ms slower than the median rank at data and computing.
std::vector<int64_t> stragglers(const std::vector<RankTimes>& ranks);

inline constexpr int64_t kTimestepBins = 20;

// Averages over the updates since the last report, the same on all ranks.
struct TrainReport {
  int64_t step = 0;          // updates made so far
  double loss = 0;           // per dimension
  double gradient_norm = 0;  // before clipping
  double learning_rate = 0;  // of the last update
  double samples_per_second = 0;
  double data_wait = 0;  // share of the time spent waiting for data
  double overlap = 0;    // share of the gradients' way that was hidden behind computing
  std::vector<double> loss_by_timestep;  // mean in each of kTimestepBins equal parts of 0 .. T - 1
  int64_t skipped_steps = 0;   // updates left out for gradients that were not finite, since step 0
  int64_t skipped_lately = 0;  // of those, since the last report
  std::vector<RankTimes> ranks;  // one each
};

class Trainer {
 public:
  // Fills in config.model's sample_shape and classes from the data. Throws Error where the parts do
  // not fit each other. In a world of several processes each computes its share of every batch, and
  // all of them must make a trainer and call update, report, evaluate, with_averages, checkpoint and
  // restore alike; they begin with rank 0's weights.
  Trainer(Config config, std::shared_ptr<const Dataset> data, c10::Device device,
          std::shared_ptr<World> world = std::make_shared<World>());

  // Makes all ranks go on from rank 0's checkpoint, if it has one; the others need none. It does not
  // matter how many ranks wrote it, and what train.shard_optimizer was. Throws Error where its model
  // or diffusion differ. Where it holds weights alone, a new training starts from them.
  void restore(const std::optional<Checkpoint>& checkpoint);

  // Everything restore() needs, on rank 0 (other ranks lack what they do not keep); resuming from it
  // repeats the run bit by bit on the CPU.
  ValueDict checkpoint() const;

  // One optimiser update.
  void update();

  // Reads the running averages (the one place that waits for the device) and resets them.
  TrainReport report();

  // Calls `work`, which must leave the weights as they are, while the network has its EMA weights.
  void with_averages(const std::function<void()>& work);

  // Updates left out one after the other up to now. Waits for the device.
  int64_t skipped_in_row() const { return skipped_in_row_.item<int64_t>(); }

  // Where numbers stop being finite: in the weights or the output of a layer, which is named, or
  // behind the network. Computes the next batch's gradients for it, and drops them.
  std::string first_bad_part();

  // Most bytes of tensors that come and go on the device at once while the gradients of the next
  // batch's first `rows` samples are computed. Drops the gradients.
  int64_t gradient_memory(int64_t rows);

  // With the EMA weights.
  HeldOutLoss evaluate(const Dataset& held_out);

  const Config& config() const { return config_; }
  int64_t step() const { return step_; }
  Network& network() { return *network_; }
  const GaussianDiffusion& diffusion() const { return diffusion_; }
  c10::Device device() const { return device_; }
  c10::ScalarType precision() const { return precision_; }
  World& world() const { return *world_; }

 private:
  bool conditions_on_itself() const;
  Denoiser with_own_x0(const Denoiser& plain) const;
  at::Tensor accumulate_gradients(const Batch& batch, int64_t begin, int64_t end, at::Tensor& mean);
  at::Tensor forward_backward(const Batch& batch);
  Batch next_batch();
  void apply_gradients(const at::Tensor& loss);
  std::vector<RankTimes> rank_times();
  std::vector<double> loss_by_timestep();
  at::Tensor drop_labels(const at::Tensor& labels, std::span<const StreamKey> keys) const;
  int64_t micro_batch() const;
  std::vector<std::pair<std::string, NamedTensors>> state(bool gather) const;

  Config config_;
  std::shared_ptr<const Dataset> data_;
  std::shared_ptr<World> world_;
  Share rows_;  // of each batch
  c10::Device device_;
  c10::ScalarType precision_;
  GaussianDiffusion diffusion_;
  std::shared_ptr<Network> network_;
  std::vector<at::Tensor> parameters_;
  Shards shards_;  // of the parameters: what ema_ and adam_ of this rank are for
  Ema ema_;
  Adam adam_;
  GradientReducer reducer_;
  LossScaler scaler_;
  TimestepSampler timesteps_;
  std::unique_ptr<BatchLoader> loader_;  // made at the first update, when the step is known
  int64_t step_ = 0;

  // Running sums since the last report; the tensors stay on the device.
  at::Tensor loss_sum_, norm_sum_, skipped_, skipped_in_row_;
  at::Tensor bin_losses_, bin_counts_;  // [kTimestepBins]
  int64_t updates_ = 0;
  int64_t skipped_reported_ = 0;
  double seconds_ = 0, wait_seconds_ = 0, communication_seconds_ = 0;
  ReduceTimes reduced_reported_;
};

}  // namespace diffuse
