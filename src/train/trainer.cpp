#include "diffuse/train/trainer.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <cmath>

#include "diffuse/core/error.h"
#include "objective.h"
#include "optimizer.h"
#include "parameter_updater.h"
#include "src/core/device.h"
#include "src/core/duration.h"
#include "src/core/heap.h"
#include "src/core/pace.h"
#include "src/data/class_names.h"
#include "src/data/condition.h"
#include "src/data/normalization.h"
#include "src/data/resident_images.h"
#include "src/distributed/gradient_reducer.h"
#include "src/model/compute_scope.h"
#include "src/sample/oracle_view.h"
#include "src/train/parameter_groups.h"
#include "step_graphs.h"
#include "train_statistics.h"

namespace diffuse {

// The config with the fields that depend on the data filled in.
static Config with_data(Config config, const Dataset& data) {
  config.data = with_normalization(config.data, data);
  config.model =
      with_condition_of(with_samples_of(std::move(config.model), data), config.condition, data);
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
  freeze_parameters(config.train, *network);
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
  const Share rows = world.share(config.train.batch_size);
  const int64_t values = c10::multiply_integers(config.model.sample_shape);
  const double wanted = 4.0 * static_cast<double>(values) * static_cast<double>(rows.size());
  if (const auto memory = static_cast<double>(machine_memory()); memory > 0 && wanted > memory)
    throw Error("/train/batch_size: the data alone of a process's ", rows.size(), " samples take ",
                std::llround(std::ceil(wanted / 1e9)), " GB, and the machine has ",
                std::floor(memory / 1e9), " GB of memory");
  return rows;
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
      updater_(std::make_unique<ParameterUpdater>(config_.train,
                                                  trained_modules(network_, *objective_), device,
                                                  precision_, *world_, layout())),
      reducer_(std::make_unique<GradientReducer>(
          *world_, layout().flat ? std::vector<at::Tensor>() : updater_->parameters(),
          config_.train.compress_gradients)),
      statistics_(std::make_unique<TrainStatistics>(config_.train.batch_size, device)),
      pace_(std::make_unique<Pace>(device)),
      loss_(at::zeros({}, at::device(device).dtype(at::kFloat))) {
  if (device.is_cuda()) set_gpu_arithmetic(config_.train.tf32, config_.train.deterministic);
}

Trainer::~Trainer() = default;
Trainer::Trainer(Trainer&&) noexcept = default;

// Several processes that launch kernels one by one hide the sums of gradients behind the backward pass, bucket
// by bucket; else one buffer serves best.
UpdateLayout Trainer::layout() const {
  const bool flat =
      obstacle_to_flat_update(config_).empty() &&
      (step_graphs_of(config_, device_, *world_) || (device_.is_cuda() && world_->size() == 1));
  return {.flat = flat, .low = flat && computes_in_scope(device_) ? precision_ : c10::kFloat};
}

// Consumes the gradients of a batch.
void Trainer::apply_gradients() {
  RECORD_USER_SCOPE("optimizer");
  world_->phase("updating", step_);
  updater_->prepare(step_);
  const auto update = [this] {
    const UpdateFigures figures = updater_->update(step_);
    statistics_->add_figures(loss_, figures.gradient_norm, figures.skipped);
  };
  graphs_ ? graphs_->update(update) : update();
  statistics_->count_update();
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
  forward_backward(batch);
  apply_gradients();
  pace_->step();
  ++step_;
  const double communication = communication_seconds() - waited;
  statistics_->add_seconds({.data = loaded - begin,
                            .compute = seconds_now() - loaded - communication,
                            .communication = communication});
}

TrainReport Trainer::report() {
  if (!device_.is_cpu()) {  // the updates since the last report may still be queued
    const double begin = seconds_now();
    wait_for(device_);
    statistics_->add_seconds({.compute = seconds_now() - begin});
  }
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
                          .condition = config_.condition,
                          .device = device_,
                          .precision = precision_},
                         *world_);
  });
  return loss;
}

int64_t Trainer::updates_since_report() const { return statistics_->updates(); }

int64_t Trainer::skipped_in_row() const { return statistics_->skipped_in_row(); }

const GaussianDiffusion& Trainer::diffusion() const { return objective_->diffusion(); }

}  // namespace diffuse
