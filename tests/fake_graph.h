// A recorder of steps for the CPU: it replays by doing the recorded work again, on the tensors of then.
#pragma once

#include <atomic>
#include <memory>
#include <stdexcept>

#include "src/core/step_graph.h"

namespace diffuse {

struct FakeGraphs {
  bool fails = false;  // to record
  std::atomic<int> made = 0, warm_ups = 0, records = 0, replays = 0;

  StepGraphMaker maker();
};

class FakeGraph : public StepGraph {
 public:
  explicit FakeGraph(FakeGraphs& all) : all_(all) { ++all_.made; }

  void warm_up(const Work& work) override {
    ++all_.warm_ups;
    work();
  }
  void record(const Work& work) override {
    ++all_.records;
    if (all_.fails) throw std::runtime_error("out of memory while capturing\nat line 1");
    work_ = work;
  }
  void replay() override {
    ++all_.replays;
    work_();
  }

 private:
  FakeGraphs& all_;
  Work work_;
};

inline StepGraphMaker FakeGraphs::maker() {
  return [this](c10::Device) { return std::make_unique<FakeGraph>(*this); };
}

}  // namespace diffuse
