#include "diffuse/train/trainer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <numeric>

#include "diffuse/config/config_json.h"
#include "diffuse/core/device.h"
#include "diffuse/core/duration.h"
#include "diffuse/core/error.h"
#include "diffuse/core/random_tensor.h"
#include "diffuse/data/class_names.h"
#include "diffuse/data/normalization.h"
#include "diffuse/model/dropout.h"
#include "diffuse/sample/oracle_view.h"
#include "memory_counter.h"

namespace diffuse {

// The config with what the data decides filled in.
static Config with_data(Config config, const Dataset& data) {
  config.data = with_normalization(config.data, data);
  config.model = with_samples_of(std::move(config.model), data);
  if (!data.is_image()) config.sample.clip_x0 = false;
  std::vector<std::string> names;
  if (config.model.class_conditional) names = class_names_of(data);
  if (config.model.class_conditional && names.empty())
    throw Error("/model/class_conditional: the data set ", config.data.type, " has no classes");
  config.model.classes = std::ssize(names);
  config.model.class_names = std::move(names);
  return config;
}

static GaussianDiffusion trainable(const Config& config) {
  check_trainable(config.diffusion);
  return GaussianDiffusion(config.diffusion, sample_kind(config.model));
}

static std::shared_ptr<Network> network_for(const Config& config,
                                            const GaussianDiffusion& diffusion, c10::Device device,
                                            World& world) {
  auto network = make_network(config.model, config.diffusion.learns_variance(),
                              oracle_view(diffusion), config.seed);
  if (network->parameters().empty())
    throw Error("/model/type: ", config.model.type, " has nothing to train");
  network->to(device);
  if (config.train.gradient_checkpointing) network->checkpoint_gradients();
  world.broadcast(network->parameters());
  return network;
}

// This rank's rows of each batch.
static Share share_of(const Config& config, const World& world) {
  if (config.train.batch_size < world.size())
    throw Error("/train/batch_size: expected at least the ", world.size(), " processes, got ",
                config.train.batch_size);
  return world.share(config.train.batch_size);
}

static at::Tensor zero(c10::Device device) {
  return at::zeros({}, at::device(device).dtype(at::kFloat));
}

Trainer::Trainer(Config config, std::shared_ptr<const Dataset> data, c10::Device device,
                 std::shared_ptr<World> world)
    : config_(with_data(std::move(config), *data)),
      data_(std::move(data)),
      world_(std::move(world)),
      rows_(share_of(config_, *world_)),
      device_(device),
      precision_(select_precision(config_.train.precision, device)),
      diffusion_(trainable(config_)),
      network_(network_for(config_, diffusion_, device, *world_)),
      parameters_(network_->parameters()),
      shards_(*world_, parameters_, config_.train.shard_optimizer),
      ema_(shards_.own(), config_.train.ema_decay, config_.train.ema_warmup),
      adam_(config_.train, shards_.own(), device),
      reducer_(*world_, parameters_, config_.train.compress_gradients),
      scaler_(precision_ == at::kHalf, device),
      timesteps_(config_.diffusion, config_.seed),
      loss_sum_(zero(device)),
      norm_sum_(zero(device)),
      skipped_(zero(device)),
      skipped_in_row_(zero(device)),
      bin_losses_(at::zeros({kTimestepBins}, at::device(device).dtype(at::kFloat))),
      bin_counts_(at::zeros_like(bin_losses_)) {}

// Backward through rows [begin, end) of this rank's batch; gradients are summed over the ranks in the
// last pass. Returns the rows' losses, unweighted, and adds their part of the mean to `mean`.
at::Tensor Trainer::accumulate_gradients(const Batch& batch, int64_t begin, int64_t end,
                                         at::Tensor& mean) {
  const auto first = static_cast<uint64_t>(batch.first_sample + begin);
  const auto keys = consecutive_keys(config_.seed, first, end - begin);
  const at::Tensor x0 = batch.x.slice(0, begin, end).to(device_);
  const at::Tensor eps =
      normal_rows(keys, Purpose::kNoise, 0, config_.model.sample_shape).to(device_);
  const auto draw =
      timesteps_.draw(batch.first_sample + begin, end - begin, config_.train.batch_size);
  const at::Tensor t = draw.t.to(device_);
  at::Tensor labels;
  if (config_.model.classes > 0)
    labels = drop_labels(batch.labels.slice(0, begin, end), keys).to(device_);

  const DropoutScope scope(std::make_shared<const std::vector<StreamKey>>(keys));
  // A GPU's dropout draws from LibTorch's generator: seeded here, it has no state to keep.
  at::manual_seed(RandomStream(config_.seed, Purpose::kDropout, first).next_u64());
  const Denoiser plain = [&](const at::Tensor& x, const at::Tensor& time) {
    const AutocastScope autocast(device_, precision_);
    return network_->forward(x, time, labels).to(at::kFloat);
  };
  const Denoiser denoiser = conditions_on_itself() ? with_own_x0(plain) : plain;
  at::Tensor losses;
  {
    RECORD_USER_SCOPE("forward");
    losses = diffusion_.loss(denoiser, x0, t, eps);
  }
  const at::Tensor bins = t.mul(kTimestepBins).floor_divide(config_.diffusion.timesteps);
  bin_losses_.index_add_(0, bins, losses.detach().nan_to_num(0, 0, 0));
  bin_counts_.index_add_(0, bins, at::ones_like(losses.detach()));
  const at::Tensor loss = (losses * draw.weight.to(device_)).sum() / config_.train.batch_size;
  const auto backward = [&] {
    RECORD_USER_SCOPE("backward");
    scaler_.scale(loss).backward();
  };
  if (end == batch.x.size(0))
    reducer_.run(backward);
  else
    backward();
  mean += loss.detach();
  return losses.detach();
}

int64_t Trainer::gradient_memory(int64_t rows) {
  const Batch batch = next_batch();
  at::Tensor mean = zero(device_);
  const MemoryCounter memory(device_);
  accumulate_gradients(batch, 0, rows, mean);
  network_->zero_grad();
  return memory.peak();
}

// Leaves the whole batch's gradients in the parameters. Returns this rank's part of the mean loss.
at::Tensor Trainer::forward_backward(const Batch& batch) {
  at::Tensor mean = zero(device_);
  std::vector<at::Tensor> losses;
  for (int64_t row = 0; row < rows_.size(); row += micro_batch()) {
    const int64_t end = std::min(row + micro_batch(), rows_.size());
    losses.push_back(accumulate_gradients(batch, row, end, mean));
    world_->progress();
  }
  if (timesteps_.learns()) {  // from every rank's losses
    const int64_t size = config_.train.batch_size;
    const at::Tensor all = world_->gather_rows(at::cat(losses), size);
    timesteps_.observe(timesteps_.draw(step_ * size, size, size).t, all);
  }
  return mean;
}

// In half of the updates a self-conditioned network gets an x_0 of its own.          [Chen22] sec. 3
bool Trainer::conditions_on_itself() const {
  RandomStream stream(config_.seed, Purpose::kSelfCondition, static_cast<uint64_t>(step_));
  return network_->self_conditioned() && stream.uniform() < 0.5;
}

Denoiser Trainer::with_own_x0(const Denoiser& plain) const {
  return [this, plain](const at::Tensor& x, const at::Tensor& t) {
    at::Tensor x0;
    {
      const at::NoGradGuard constant;
      x0 = diffusion_.denoised(plain(x, t), x, t, config_.sample.clip_x0).x0;
    }
    return plain(at::cat({x, x0}, 1), t);
  };
}

Batch Trainer::next_batch() {
  RECORD_USER_SCOPE("data");
  const double begin = seconds_now();
  world_->phase("loading data", step_);
  if (!loader_)
    loader_ = std::make_unique<BatchLoader>(
        data_, LoaderOptions{.global_batch = config_.train.batch_size,
                             .rank_begin = rows_.begin,
                             .rank_end = rows_.end,
                             .first_step = step_,
                             .horizontal_flip = config_.data.horizontal_flip,
                             .seed = config_.seed});
  const Batch batch = loader_->next();
  wait_seconds_ += seconds_now() - begin;
  return batch;
}

// Uses up the gradients of a batch with this rank's part `loss` of its mean loss.
void Trainer::apply_gradients(const at::Tensor& loss) {
  RECORD_USER_SCOPE("optimizer");
  world_->phase("updating", step_);
  auto gradients = gradients_of(parameters_);
  const at::Tensor found_inf = scaler_.unscale(gradients);
  const at::Tensor norm = gradient_norm(gradients);
  if (config_.train.gradient_clip > 0) clip_gradients(gradients, norm, config_.train.gradient_clip);
  adam_.step(learning_rate_at(config_.train, step_), found_inf);
  network_->zero_grad();
  shards_.share_parameters();
  scaler_.update(found_inf);
  ema_.update(step_);

  const at::Tensor skip = found_inf > 0;
  loss_sum_ += loss.masked_fill(skip, 0);
  norm_sum_ += norm.masked_fill(skip, 0);
  skipped_ += found_inf;
  skipped_in_row_.add_(1).mul_(found_inf);
}

void Trainer::update() {
  const double begin = seconds_now();
  const double waited = world_->wait_seconds() + reducer_.times().exposed;
  const Batch batch = next_batch();
  world_->phase("forward and backward", step_);
  network_->train();
  apply_gradients(forward_backward(batch));
  ++step_;
  ++updates_;
  communication_seconds_ += world_->wait_seconds() + reducer_.times().exposed - waited;
  seconds_ += seconds_now() - begin;
}

// What other ranks keep comes in the place of this rank's weights, and they come back afterwards.
void Trainer::with_averages(const std::function<void()>& work) {
  {
    const EmaScope averaged(ema_);
    shards_.share_parameters();
    work();
  }
  shards_.share_parameters();
}

HeldOutLoss Trainer::evaluate(const Dataset& held_out) {
  world_->phase("held-out loss", step_);
  HeldOutLoss loss;
  with_averages([&] {
    loss = held_out_loss(*network_, diffusion_, held_out,
                         {.samples = config_.train.eval_samples,
                          .batch = micro_batch(),
                          .labels = config_.model.classes > 0,
                          .device = device_,
                          .precision = precision_},
                         *world_);
  });
  return loss;
}

// Labels with a share of them replaced by "no class", each by its own sample's stream.
at::Tensor Trainer::drop_labels(const at::Tensor& labels, std::span<const StreamKey> keys) const {
  if (config_.train.label_dropout == 0) return labels;
  at::Tensor kept = labels.clone();
  for (size_t i = 0; i < keys.size(); ++i) {
    RandomStream stream(keys[i].seed, Purpose::kLabelDropout, keys[i].index);
    if (stream.uniform() < config_.train.label_dropout) kept[i] = config_.model.classes;
  }
  return kept;
}

int64_t Trainer::micro_batch() const {
  return config_.train.micro_batch > 0 ? config_.train.micro_batch : rows_.size();
}

}  // namespace diffuse
