#include "src/core/step_graph.h"

#include <ATen/ops/empty_like.h>
#include <c10/core/InferenceMode.h>

#include <utility>

#include "diffuse/core/error.h"
#include "src/core/log.h"
#include "src/core/plugin.h"

namespace diffuse {

void put(const at::Tensor& from, at::Tensor& to) {
  if (!to.defined()) {
    const c10::InferenceMode anywhere(false);  // also written to outside of inference mode
    to = at::empty_like(from);
  }
  to.copy_(from, /*non_blocking=*/true);
}

static StepGraphMaker& maker_in_scope() {
  static StepGraphMaker maker;
  return maker;
}

StepGraphScope::StepGraphScope(StepGraphMaker maker) { maker_in_scope() = std::move(maker); }
StepGraphScope::~StepGraphScope() { maker_in_scope() = {}; }

// Null where the plugin is missing.
static auto cuda_graph_function() {
  using Make = StepGraph*(int device);
  static Make* const make = [] {
    std::string reason;
    void* const found = plugin_symbol("libdiffuse_cuda.so", "diffuse_make_step_graph", reason);
    if (found == nullptr) log_warning("no CUDA graphs, kernels are launched one by one: " + reason);
    return reinterpret_cast<Make*>(found);
  }();
  return make;
}

StepGraphMaker step_graph_maker(c10::Device device) {
  if (maker_in_scope()) return maker_in_scope();
  if (!device.is_cuda() || cuda_graph_function() == nullptr) return {};
  return
      [](c10::Device on) { return std::unique_ptr<StepGraph>(cuda_graph_function()(on.index())); };
}

RepeatedWork::RepeatedWork(std::string name, std::unique_ptr<StepGraph> graph)
    : name_(std::move(name)), graph_(std::move(graph)) {}

void RepeatedWork::record(const StepGraph::Work& work) {
  try {
    graph_->record(work);
    recorded_ = true;
  } catch (const std::exception& error) {
    const std::string text = error.what();
    log_warning(concat(name_, ": no CUDA graph, its kernels are launched one by one: ",
                       text.substr(0, text.find('\n'))));
    graph_.reset();
  }
}

// PyTorch warms up three times or more: lazily made handles, workspaces and AccumulateGrad nodes are then there.
void RepeatedWork::run(const StepGraph::Work& work) {
  constexpr int kWarmUps = 4;
  if (graph_ && runs_++ < kWarmUps) return graph_->warm_up(work);
  if (graph_ && !recorded_) record(work);
  graph_ ? graph_->replay() : work();
}

}  // namespace diffuse
