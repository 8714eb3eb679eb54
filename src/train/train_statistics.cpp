#include "train_statistics.h"

#include <ATen/ATen.h>

namespace diffuse {

static at::Tensor zeros(at::IntArrayRef shape, c10::Device device) {
  return at::zeros(shape, at::device(device).dtype(at::kFloat));
}

TrainStatistics::TrainStatistics(int64_t batch_size, c10::Device device)
    : batch_size_(batch_size),
      loss_sum_(zeros({}, device)),
      norm_sum_(zeros({}, device)),
      skipped_(zeros({}, device)),
      skipped_in_row_(zeros({}, device)),
      bin_losses_(zeros({kTimestepBins}, device)),
      bin_counts_(zeros({kTimestepBins}, device)) {}

void TrainStatistics::add_losses(const at::Tensor& losses, const at::Tensor& bins) {
  const at::Tensor finite = losses.nan_to_num(0, 0, 0);
  if (losses.is_cpu()) {
    bin_losses_.index_add_(0, bins, finite);
    bin_counts_.index_add_(0, bins, at::ones_like(losses));
    return;
  }
  // A GPU adds by index in any order, or waits to look at the indices.
  const at::Tensor all = at::arange(kTimestepBins, bins.options());
  const at::Tensor in_bin = (bins.unsqueeze(1) == all).to(losses.scalar_type());  // [n, bins]
  bin_losses_.add_((in_bin * finite.unsqueeze(1)).sum(0));
  bin_counts_.add_(in_bin.sum(0));
}

void TrainStatistics::add_update(const at::Tensor& loss, const at::Tensor& gradient_norm,
                                 const at::Tensor& skipped) {
  add_figures(loss, gradient_norm, skipped);
  count_update();
}

void TrainStatistics::add_figures(const at::Tensor& loss, const at::Tensor& gradient_norm,
                                  const at::Tensor& skipped) {
  const at::Tensor skip = skipped > 0;
  loss_sum_ += loss.masked_fill(skip, 0);
  norm_sum_ += gradient_norm.masked_fill(skip, 0);
  skipped_ += skipped;
  skipped_in_row_.add_(1).mul_(skipped);
}

void TrainStatistics::add_seconds(const RankTimes& seconds) {
  seconds_.data += seconds.data;
  seconds_.compute += seconds.compute;
  seconds_.communication += seconds.communication;
}

// The mean loss of each bin of timesteps; 0 if none was drawn.
std::vector<double> TrainStatistics::loss_by_timestep(World& world) {
  world.sum(bin_losses_);
  world.sum(bin_counts_);
  const at::Tensor means = (bin_losses_ / bin_counts_.clamp_min(1)).to(at::kCPU, at::kDouble);
  return {means.const_data_ptr<double>(), means.const_data_ptr<double>() + kTimestepBins};
}

// Seconds per update of each rank.
std::vector<RankTimes> TrainStatistics::rank_times(World& world) const {
  const at::Tensor own =
      at::tensor({seconds_.data, seconds_.compute, seconds_.communication}, at::kDouble) /
      static_cast<double>(updates_);
  const at::Tensor all = world.gather_rows(own.unsqueeze(0), world.size());
  const auto row = all.accessor<double, 2>();
  std::vector<RankTimes> ranks;
  for (int64_t rank = 0; rank < all.size(0); ++rank)
    ranks.push_back({row[rank][0], row[rank][1], row[rank][2]});
  return ranks;
}

void TrainStatistics::start_again() {
  for (at::Tensor* const sum : {&loss_sum_, &norm_sum_, &bin_losses_, &bin_counts_}) sum->zero_();
  updates_ = 0;
  seconds_ = {};
}

TrainReport TrainStatistics::report(World& world, const ReduceTimes& reduced) {
  TrainReport report;
  report.skipped_steps = skipped_.item<int64_t>();
  report.skipped_lately = report.skipped_steps - skipped_reported_;
  const double good = static_cast<double>(updates_ - report.skipped_lately);
  world.sum(loss_sum_);
  report.loss = loss_sum_.item<double>() / good;  // NaN if every update was skipped
  report.gradient_norm = norm_sum_.item<double>() / good;
  const double seconds = seconds_.data + seconds_.compute + seconds_.communication;
  report.samples_per_second = static_cast<double>(updates_ * batch_size_) / seconds;
  report.data_wait = seconds_.data / seconds;
  report.loss_by_timestep = loss_by_timestep(world);
  report.ranks = rank_times(world);
  const double total = reduced.total - reduced_reported_.total;
  if (total > 0) report.overlap = 1 - (reduced.exposed - reduced_reported_.exposed) / total;
  reduced_reported_ = reduced;
  skipped_reported_ = report.skipped_steps;
  start_again();
  return report;
}

}  // namespace diffuse
