// What a trainer has done since its last report, over all ranks.
#include <ATen/ATen.h>

#include <algorithm>

#include "diffuse/core/error.h"
#include "diffuse/model/layers.h"
#include "diffuse/train/trainer.h"

namespace diffuse {

static constexpr double kUnnoticed = 0.01;  // seconds an update: the scheduler's own accidents

std::vector<int64_t> stragglers(const std::vector<RankTimes>& ranks) {
  std::vector<double> busy;
  for (const RankTimes& rank : ranks) busy.push_back(rank.data + rank.compute);
  std::vector<double> sorted = busy;
  std::sort(sorted.begin(), sorted.end());
  const double median = sorted[(sorted.size() - 1) / 2];
  std::vector<int64_t> slow;
  for (size_t rank = 0; rank < busy.size(); ++rank)
    if (busy[rank] > std::max(1.25 * median, median + kUnnoticed)) slow.push_back(static_cast<int64_t>(rank));
  return slow;
}

// Seconds per update of each rank.
std::vector<RankTimes> Trainer::rank_times() {
  const auto updates = static_cast<double>(updates_);
  const double compute = seconds_ - wait_seconds_ - communication_seconds_;
  const at::Tensor own = at::tensor({wait_seconds_, compute, communication_seconds_}, at::kDouble);
  const at::Tensor all = world_->gather_rows((own / updates).unsqueeze(0), world_->size());
  const auto row = all.accessor<double, 2>();
  std::vector<RankTimes> ranks;
  for (int64_t rank = 0; rank < all.size(0); ++rank)
    ranks.push_back({row[rank][0], row[rank][1], row[rank][2]});
  return ranks;
}

// The mean loss of each part of the timesteps; 0 where none was drawn.
std::vector<double> Trainer::loss_by_timestep() {
  world_->sum(bin_losses_);
  world_->sum(bin_counts_);
  const at::Tensor means = (bin_losses_ / bin_counts_.clamp_min(1)).to(at::kCPU, at::kDouble);
  bin_losses_.zero_();
  bin_counts_.zero_();
  return {means.const_data_ptr<double>(), means.const_data_ptr<double>() + kTimestepBins};
}

static bool is_finite(const at::Tensor& x) { return at::isfinite(x).all().item<bool>(); }

std::string Trainer::first_bad_part() {
  for (const auto& [name, weight] : named_parameters(*network_))
    if (!is_finite(weight)) return "the weights " + name + " are not finite";
  std::string bad;
  const Batch batch = next_batch();
  at::Tensor loss;
  {
    const LayerWatch watch([&](const torch::nn::Module& layer, const at::Tensor& output) {
      if (!bad.empty() || is_finite(output)) return;
      for (const auto& item : network_->named_modules())
        if (item.value().get() == &layer) bad = item.key();
    });
    loss = forward_backward(batch);
  }
  network_->zero_grad();
  if (!is_finite(batch.x)) return "the data are not finite";
  if (!bad.empty()) return concat("the output of the layer ", bad, " is not finite");
  return is_finite(loss) ? "the loss is finite, its gradients are not"
                         : "every layer's output is finite, the loss is not";
}

TrainReport Trainer::report() {
  TrainReport report;
  report.step = step_;
  report.skipped_steps = skipped_.item<int64_t>();
  report.skipped_lately = report.skipped_steps - skipped_reported_;
  const double good = static_cast<double>(updates_ - report.skipped_lately);
  world_->sum(loss_sum_);
  report.loss = loss_sum_.item<double>() / good;  // NaN when every update was skipped
  report.gradient_norm = norm_sum_.item<double>() / good;
  report.learning_rate = learning_rate_at(config_.train, std::max<int64_t>(step_ - 1, 0));
  report.samples_per_second = static_cast<double>(updates_ * config_.train.batch_size) / seconds_;
  report.data_wait = wait_seconds_ / seconds_;
  report.loss_by_timestep = loss_by_timestep();
  report.ranks = rank_times();
  const ReduceTimes& reduced = reducer_.times();
  const double total = reduced.total - reduced_reported_.total;
  if (total > 0) report.overlap = 1 - (reduced.exposed - reduced_reported_.exposed) / total;
  reduced_reported_ = reduced;
  skipped_reported_ = report.skipped_steps;
  loss_sum_.zero_();
  norm_sum_.zero_();
  updates_ = 0;
  seconds_ = wait_seconds_ = communication_seconds_ = 0;
  return report;
}

}  // namespace diffuse
