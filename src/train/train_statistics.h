// What is summed over the updates between two reports.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "diffuse/distributed/world.h"
#include "diffuse/train/train_report.h"
#include "src/distributed/gradient_reducer.h"

namespace diffuse {

// Sums of tensors stay on the device: only report(), skipped_in_row() and restored() wait for it.
class TrainStatistics {
 public:
  TrainStatistics(int64_t batch_size, c10::Device device);

  // losses [n] of samples whose timesteps lie in the parts `bins` [n] int64, 0 .. kTimestepBins - 1.
  void add_losses(const at::Tensor& losses, const at::Tensor& bins);

  // An update: this rank's part of its mean loss, its gradient norm, and 1 where it was left out, else
  // 0 (float scalars).
  void add_update(const at::Tensor& loss, const at::Tensor& gradient_norm,
                  const at::Tensor& skipped);

  // Where this rank's time went in an update.
  void add_seconds(const RankTimes& seconds);

  // The averages over all ranks, whose step and learning rate are the caller's to fill in; the sums
  // start again from zero. `reduced`: of all passes so far.
  TrainReport report(World& world, const ReduceTimes& reduced);

  // Updates left out since step 0, as a float scalar: copy into it and call restored() to resume.
  const at::Tensor& skipped() const { return skipped_; }
  void restored() { skipped_reported_ = skipped_.item<int64_t>(); }

  // Updates left out one after the other up to now.
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
  RankTimes seconds_;  // of all updates together
  ReduceTimes reduced_reported_;
};

}  // namespace diffuse
