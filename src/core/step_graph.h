// A step's kernels, recorded once and launched again as a whole: on a GPU by a CUDA graph.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <functional>
#include <memory>
#include <string>

namespace diffuse {

class StepGraph {
 public:
  using Work = std::function<void()>;

  virtual ~StepGraph() = default;

  // Runs the work on the stream that record() uses, so that what is made at the first use belongs there.
  virtual void warm_up(const Work& work) = 0;

  // Records what the work launches, without running it; what it refers to must outlive the graph. Throws
  // std::exception where it launches what cannot be recorded, or memory is short; nothing is then left of it.
  virtual void record(const Work& work) = 0;

  // Launches what was recorded, on the current stream: it reads and writes the same memory again.
  virtual void replay() = 0;
};

// Copies the values of `from` into the memory of `to`, which it allocates at the first call: what a recorded
// step reads must stay where it is.
void put(const at::Tensor& from, at::Tensor& to);

using StepGraphMaker = std::function<std::unique_ptr<StepGraph>(c10::Device)>;

// Makes graphs for the device: the StepGraphScope's, or for a CUDA device those of libdiffuse_cuda.so. Empty
// where there are none; the plugin's absence is warned of once.
StepGraphMaker step_graph_maker(c10::Device device);

// While one lives, all graphs of the process come from `maker`, whatever the device: for tests.
class StepGraphScope {
 public:
  explicit StepGraphScope(StepGraphMaker maker);
  ~StepGraphScope();
  StepGraphScope(const StepGraphScope&) = delete;
  StepGraphScope& operator=(const StepGraphScope&) = delete;
};

// Work that is done again and again on tensors that stay where they are: run a few times, then recorded, then
// replayed. Where recording fails it is warned of once, and the work goes on without.
class RepeatedWork {
 public:
  // `name`: what it is, for the warning. Without a graph the work is simply run.
  RepeatedWork(std::string name, std::unique_ptr<StepGraph> graph);

  void run(const StepGraph::Work& work);

 private:
  void record(const StepGraph::Work& work);

  std::string name_;
  std::unique_ptr<StepGraph> graph_;  // null once it failed
  int runs_ = 0;
  bool recorded_ = false;
};

}  // namespace diffuse
