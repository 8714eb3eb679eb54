// The passes and the update of a training, recorded once and replayed, on a device where that pays.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "diffuse/config/config.h"
#include "diffuse/distributed/world.h"
#include "objective.h"
#include "src/core/step_graph.h"

namespace diffuse {

// What keeps a training's parameters and their state from lying in one buffer each, and so from being recorded:
// "/train/optimizer muon computes ...", or "" if nothing does.
std::string obstacle_to_flat_update(const Config& config);

// What keeps a training from being recorded: the same, or "/diffusion/timestep_sampler importance reads ...", or
// "" if nothing does.
std::string obstacle_to_graphs(const Config& config, const World& world);

// Makes the graphs of a training's kernels; empty where they are launched one by one.
StepGraphMaker step_graphs_of(const Config& config, c10::Device device, const World& world);

class StepGraphs {
 public:
  explicit StepGraphs(StepGraphMaker maker, c10::Device device);

  // pass(rows) with the rows in tensors that stay where they are for all passes of their kind: it must read
  // nothing else that changes, and only add to tensors that stay as well.
  void pass(const TrainingRows& rows, const std::function<void(const TrainingRows&)>& pass);

  void update(const StepGraph::Work& update);

 private:
  struct Pass {
    explicit Pass(std::unique_ptr<StepGraph> graph) : work("a training pass", std::move(graph)) {}
    TrainingRows rows;
    RepeatedWork work;
  };

  StepGraphMaker maker_;
  c10::Device device_;
  std::map<std::pair<int64_t, bool>, Pass> passes_;  // by rows and own_x0
  RepeatedWork update_;
};

}  // namespace diffuse
