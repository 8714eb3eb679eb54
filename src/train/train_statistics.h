// Sums over the updates between two reports.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "diffuse/distributed/world.h"
#include "diffuse/train/train_report.h"
#include "src/distributed/gradient_reducer.h"

namespace diffuse {

// Sums of tensors stay on the device; only report(), skipped_in_row() and restored() wait for it.
class TrainStatistics {
 public:
  TrainStatistics(int64_t batch_size, c10::Device device);

  // losses [n] of samples, with the bins of their timesteps: int64 [n], 0 .. kTimestepBins - 1.
  void add_losses(const at::Tensor& losses, const at::Tensor& bins);

  // An update: this rank's part of its mean loss, its gradient norm, and 1 if it was skipped, else 0 (float
  // scalars).
  void add_update(const at::Tensor& loss, const at::Tensor& gradient_norm,
                  const at::Tensor& skipped);

  // The device's part of add_update, which can be recorded, and the host's.
  void add_figures(const at::Tensor& loss, const at::Tensor& gradient_norm,
                   const at::Tensor& skipped);
  void count_update() { ++updates_; }
  int64_t updates() const { return updates_; }  // since the last report

  // This rank's times in an update.
  void add_seconds(const RankTimes& seconds);

  // The averages over all ranks; the caller fills in step and learning rate. Resets the sums. `reduced`:
  // times of all passes so far.
  TrainReport report(World& world, const ReduceTimes& reduced);

  // Updates skipped since step 0, as a float scalar; to resume, copy into it and call restored().
  const at::Tensor& skipped() const { return skipped_; }
  void restored() { skipped_reported_ = skipped_.item<int64_t>(); }

  // The number of consecutive skipped updates up to now.
  int64_t skipped_in_row() const { return skipped_in_row_.item<int64_t>(); }

 private:
  std::vector<double> loss_by_timestep(World& world);
  std::vector<RankTimes> rank_times(World& world) const;
  void start_again();

  int64_t batch_size_;
  at::Tensor loss_sum_, norm_sum_, skipped_, skipped_in_row_;
  at::Tensor bin_losses_, bin_counts_;  // [kTimestepBins]
  int64_t updates_ = 0;
  int64_t skipped_reported_ = 0;
  RankTimes seconds_;  // sum over updates
  ReduceTimes reduced_reported_;
};

}  // namespace diffuse
