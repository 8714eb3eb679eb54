// The forward and backward passes of an update.
#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include <algorithm>

#include "diffuse/train/trainer.h"
#include "objective.h"
#include "parameter_updater.h"
#include "src/core/log.h"
#include "src/data/batch_loader.h"
#include "src/data/resident_images.h"
#include "src/distributed/gradient_reducer.h"
#include "src/model/direct_gradients.h"
#include "src/model/dropout_scope.h"
#include "src/model/layer_watch.h"
#include "src/model/weight_cache.h"
#include "step_graphs.h"
#include "train_statistics.h"

namespace diffuse {

int64_t Trainer::micro_batch() const {
  return config_.train.micro_batch > 0 ? config_.train.micro_batch : rows_.size();
}

// What updates need, and a trainer that is only asked for samples does not.
void Trainer::prepare() {
  if (loader_) return;
  images_ = ResidentImages::of(*data_, device_);
  loader_ = std::make_unique<BatchLoader>(
      data_, LoaderOptions{.global_batch = config_.train.batch_size,
                           .rank_begin = rows_.begin,
                           .rank_end = rows_.end,
                           .first_step = step_,
                           .horizontal_flip = config_.data.horizontal_flip,
                           .seed = config_.seed,
                           .items_only = images_ != nullptr,
                           .pinned = device_.is_cuda()});
  if (graphs_) return;
  if (const StepGraphMaker maker = step_graphs_of(config_, device_, *world_))
    graphs_ = std::make_unique<StepGraphs>(maker, device_);
  const std::string obstacle = obstacle_to_graphs(config_, *world_);
  if (device_.is_cuda() && world_->is_first() && !obstacle.empty())
    log_info("no CUDA graph, kernels are launched one by one: " + obstacle);
}

Batch Trainer::next_batch() {
  RECORD_USER_SCOPE("data");
  world_->phase("loading data", step_);
  prepare();
  Batch batch = loader_->next();
  if (images_) batch.x = images_->gather(batch);
  return batch;
}

// Rows [begin, end) of this rank's batch with their random numbers.
TrainingRows Trainer::draw(const Batch& batch, int64_t begin, int64_t end) {
  const Batch rows{
      .x = batch.x.slice(0, begin, end),
      .labels = batch.labels.defined() ? batch.labels.slice(0, begin, end) : at::Tensor(),
      .first_sample = batch.first_sample + begin,
      .condition = batch.condition.defined() ? batch.condition.slice(0, begin, end) : at::Tensor()};
  TrainingRows drawn = objective_->draw(rows, step_);
  // Without kernels of ours a GPU's dropout uses LibTorch's generator: seeding it here leaves no state to save.
  at::manual_seed(drawn.dropout_seed);
  return drawn;
}

// Forward and backward pass; the `last` one of an update all-reduces gradients that lie apart. Returns the
// rows' losses, unweighted, and adds their part of the mean to loss_.
at::Tensor Trainer::pass(const TrainingRows& rows, bool last) {
  const DropoutScope scope(rows.dropout, rows.keys);
  std::optional<DirectGradients> direct;
  if (const at::Tensor all = updater_->flat_gradients(); all.defined()) direct.emplace(all);
  std::optional<WeightCacheScope> kept;
  if (WeightCache* const low = updater_->low_copies()) kept.emplace(*low);
  const at::Tensor losses = objective_->losses(*network_, rows);
  statistics_->add_losses(losses.detach(), objective_->timestep_bins(rows));
  const at::Tensor loss = objective_->part_of_mean(losses, rows);
  const auto backward = [&] {
    RECORD_USER_SCOPE("backward");
    updater_->scale(loss).backward();
  };
  last ? reducer_->run(backward) : backward();
  if (direct) direct->finish();
  loss_ += loss.detach();
  return losses.detach();
}

void Trainer::try_gradients(int64_t rows) {
  const Batch batch = next_batch();
  pass(draw(batch, 0, rows), rows == batch.x.size(0));
  updater_->drop_gradients();
}

// Computes the whole batch's gradients in the parameters, and this rank's part of the mean loss in loss_.
void Trainer::forward_backward(const Batch& batch) {
  loss_.zero_();
  std::vector<at::Tensor> losses;
  for (int64_t row = 0; row < rows_.size(); row += micro_batch()) {
    const int64_t end = std::min(row + micro_batch(), rows_.size());
    const TrainingRows rows = draw(batch, row, end);
    const bool last = end == rows_.size();
    if (graphs_ && !LayerWatch::active())
      graphs_->pass(rows, [this, last](const TrainingRows& kept) { pass(kept, last); });
    else
      losses.push_back(pass(rows, last));
    world_->progress();
  }
  if (const at::Tensor all = updater_->flat_gradients(); all.defined())
    sum_gradients(*world_, all, config_.train.compress_gradients);
  if (objective_->learns_times()) objective_->observe(at::cat(losses), step_, *world_);
}

}  // namespace diffuse
