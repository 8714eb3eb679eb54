#include "diffuse/train/trainer.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include <algorithm>

#include "diffuse/core/error.h"
#include "objective.h"
#include "optimizer.h"
#include "parameter_updater.h"
#include "src/core/device.h"
#include "src/core/duration.h"
#include "src/data/class_names.h"
#include "src/data/normalization.h"
#include "src/distributed/gradient_reducer.h"
#include "src/sample/oracle_view.h"
#include "train_statistics.h"

namespace diffuse {

// The config with the fields that depend on the data filled in.
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

static NamedModules trained_modules(const std::shared_ptr<Network>& network,
                                    const Objective& objective) {
  NamedModules modules{{std::string(kNetwork), network}};
  for (const auto& further : objective.modules()) modules.push_back(further);
  return modules;
}

// This rank's rows of each batch.
static Share share_of(const Config& config, const World& world) {
  if (config.train.batch_size < world.size())
    throw Error("/train/batch_size: expected at least the ", world.size(), " processes, got ",
                config.train.batch_size);
  return world.share(config.train.batch_size);
}

Trainer::Trainer(Config config, std::shared_ptr<const Dataset> data, c10::Device device,
                 std::shared_ptr<World> world)
    : config_(with_data(std::move(config), *data)),
      data_(std::move(data)),
      world_(std::move(world)),
      rows_(share_of(config_, *world_)),
      device_(device),
      precision_(select_precision(config_.train.precision, device)),
      objective_(std::make_unique<Objective>(config_, device, precision_)),
      network_(network_for(config_, objective_->diffusion(), device, *world_)),
      updater_(std::make_unique<ParameterUpdater>(
          config_.train, trained_modules(network_, *objective_), device, precision_, *world_)),
      reducer_(std::make_unique<GradientReducer>(*world_, updater_->parameters(),
                                                 config_.train.compress_gradients)),
      statistics_(std::make_unique<TrainStatistics>(config_.train.batch_size, device)) {}

Trainer::~Trainer() = default;
Trainer::Trainer(Trainer&&) noexcept = default;

Batch Trainer::next_batch() {
  RECORD_USER_SCOPE("data");
  world_->phase("loading data", step_);
  if (!loader_)
    loader_ = std::make_unique<BatchLoader>(
        data_, LoaderOptions{.global_batch = config_.train.batch_size,
                             .rank_begin = rows_.begin,
                             .rank_end = rows_.end,
                             .first_step = step_,
                             .horizontal_flip = config_.data.horizontal_flip,
                             .seed = config_.seed});
  return loader_->next();
}

static Batch rows_of(const Batch& batch, int64_t begin, int64_t end) {
  return {.x = batch.x.slice(0, begin, end),
          .labels = batch.labels.defined() ? batch.labels.slice(0, begin, end) : at::Tensor(),
          .first_sample = batch.first_sample + begin};
}

// Forward and backward pass for rows [begin, end) of this rank's batch; the last pass all-reduces the
// gradients. Returns the rows' losses, unweighted, and adds their part of the mean to `mean`.
at::Tensor Trainer::accumulate_gradients(const Batch& batch, int64_t begin, int64_t end,
                                         at::Tensor& mean) {
  const TrainingRows rows = objective_->draw(rows_of(batch, begin, end), step_);
  const DropoutScope scope(rows.dropout);
  // A GPU's dropout uses LibTorch's generator: seeding it here leaves no state to save.
  at::manual_seed(rows.dropout_seed);
  const at::Tensor losses = objective_->losses(*network_, rows);
  statistics_->add_losses(losses.detach(), objective_->timestep_bins(rows));
  const at::Tensor loss = objective_->part_of_mean(losses, rows);
  const auto backward = [&] {
    RECORD_USER_SCOPE("backward");
    updater_->scale(loss).backward();
  };
  if (end == batch.x.size(0))
    reducer_->run(backward);
  else
    backward();
  mean += loss.detach();
  return losses.detach();
}

static at::Tensor zero(c10::Device device) {
  return at::zeros({}, at::device(device).dtype(at::kFloat));
}

void Trainer::try_gradients(int64_t rows) {
  const Batch batch = next_batch();
  at::Tensor mean = zero(device_);
  accumulate_gradients(batch, 0, rows, mean);
  updater_->drop_gradients();
}

// Computes the whole batch's gradients in the parameters. Returns this rank's part of the mean loss.
at::Tensor Trainer::forward_backward(const Batch& batch) {
  at::Tensor mean = zero(device_);
  std::vector<at::Tensor> losses;
  for (int64_t row = 0; row < rows_.size(); row += micro_batch()) {
    const int64_t end = std::min(row + micro_batch(), rows_.size());
    losses.push_back(accumulate_gradients(batch, row, end, mean));
    world_->progress();
  }
  objective_->observe(at::cat(losses), step_, *world_);
  return mean;
}

// Consumes the gradients of a batch; `loss` is this rank's part of its mean loss.
void Trainer::apply_gradients(const at::Tensor& loss) {
  RECORD_USER_SCOPE("optimizer");
  world_->phase("updating", step_);
  const UpdateFigures figures = updater_->update(step_);
  statistics_->add_update(loss, figures.gradient_norm, figures.skipped);
}

// Seconds of waiting for other processes and the network, since the start.
double Trainer::communication_seconds() const {
  return world_->wait_seconds() + reducer_->times().exposed;
}

void Trainer::update() {
  const double begin = seconds_now(), waited = communication_seconds();
  const Batch batch = next_batch();
  const double loaded = seconds_now();
  world_->phase("forward and backward", step_);
  network_->train();
  apply_gradients(forward_backward(batch));
  ++step_;
  const double communication = communication_seconds() - waited;
  statistics_->add_seconds({.data = loaded - begin,
                            .compute = seconds_now() - loaded - communication,
                            .communication = communication});
}

TrainReport Trainer::report() {
  TrainReport report = statistics_->report(*world_, reducer_->times());
  report.step = step_;
  report.learning_rate = learning_rate_at(config_.train, std::max<int64_t>(step_ - 1, 0));
  return report;
}

void Trainer::with_averages(const std::function<void()>& work) { updater_->with_averages(work); }

HeldOutLoss Trainer::evaluate(const Dataset& held_out) {
  world_->phase("held-out loss", step_);
  HeldOutLoss loss;
  with_averages([&] {
    loss = held_out_loss(*network_, diffusion(), held_out,
                         {.samples = config_.train.eval_samples,
                          .batch = micro_batch(),
                          .labels = config_.model.classes > 0,
                          .device = device_,
                          .precision = precision_},
                         *world_);
  });
  return loss;
}

int64_t Trainer::skipped_in_row() const { return statistics_->skipped_in_row(); }

const GaussianDiffusion& Trainer::diffusion() const { return objective_->diffusion(); }

int64_t Trainer::micro_batch() const {
  return config_.train.micro_batch > 0 ? config_.train.micro_batch : rows_.size();
}

}  // namespace diffuse
