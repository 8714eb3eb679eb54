#include "src/train/step_graphs.h"

#include <ATen/record_function.h>

namespace diffuse {

std::string obstacle_to_flat_update(const Config& config) {
  if (config.train.optimizer == OptimizerKind::kMuon)
    return "/train/optimizer muon computes with each matrix by itself";
  if (!config.train.learning_rates.empty())
    return "/train/learning_rates updates the parameters of each rate by themselves";
  if (config.train.ema_snapshot_every > 0)
    return "/train/ema_snapshot_every keeps two more averages of each parameter";
  if (config.diffusion.loss_weighting == LossWeighting::kLearned)
    return "/diffusion/loss_weighting learned trains parameters outside of the network";
  return "";
}

std::string obstacle_to_graphs(const Config& config, const World& world) {
  if (const std::string obstacle = obstacle_to_flat_update(config); !obstacle.empty())
    return obstacle;
  const TrainConfig& train = config.train;
  if (config.diffusion.timestep_sampler == TimestepLaw::kImportance)
    return "/diffusion/timestep_sampler importance reads the losses of each update";
  if (train.gradient_checkpointing)
    return "/train/gradient_checkpointing computes blocks again with the random state they had";
  if (train.shard_optimizer && world.size() > 1)
    return "/train/shard_optimizer sends parameters from process to process";
  return "";
}

StepGraphMaker step_graphs_of(const Config& config, c10::Device device, const World& world) {
  if (config.train.cuda_graph != CudaGraph::kAuto || !obstacle_to_graphs(config, world).empty())
    return {};
  return step_graph_maker(device);
}

StepGraphs::StepGraphs(StepGraphMaker maker, c10::Device device)
    : maker_(std::move(maker)), device_(device), update_("the update", maker_(device)) {}

void StepGraphs::pass(const TrainingRows& rows,
                      const std::function<void(const TrainingRows&)>& pass) {
  RECORD_USER_SCOPE("pass");
  const std::pair kind(rows.x0.size(0), rows.own_x0);
  auto found = passes_.find(kind);
  if (found == passes_.end()) found = passes_.try_emplace(kind, maker_(device_)).first;
  TrainingRows& kept = found->second.rows;
  for (const auto part :
       {&TrainingRows::x0, &TrainingRows::eps, &TrainingRows::t, &TrainingRows::weight,
        &TrainingRows::labels, &TrainingRows::condition, &TrainingRows::keys})
    if ((rows.*part).defined()) put(rows.*part, kept.*part);
  kept.own_x0 = rows.own_x0;
  kept.dropout = rows.dropout;
  found->second.work.run([pass, &kept] { pass(kept); });
}

void StepGraphs::update(const StepGraph::Work& update) {
  RECORD_USER_SCOPE("update");
  update_.run(update);
}

}  // namespace diffuse
