// What the tests on a GPU share; elsewhere they are skipped with the reason.
#pragma once

#include <ATen/ATen.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "diffuse/core/error.h"
#include "src/core/cuda/kernel_launcher.h"
#include "src/core/device.h"
#include "src/core/step_graph.h"

namespace diffuse {

// Why there is no GPU to test on, or "".
inline const std::string& no_gpu() {
  static const std::string reason = []() -> std::string {
    try {
      select_device("cuda");
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }();
  return reason;
}

inline c10::Device gpu() { return select_device("cuda"); }

// `count` on a card; a tenth on an emulated one, which is slow.
inline int fewer_if_emulated(int count) {
  static const bool emulated = dlsym(RTLD_DEFAULT, "diffuse_emulated_card") != nullptr;
  return emulated ? std::max(count / 10, 1) : count;
}

class OnGpu : public testing::Test {
 protected:
  void SetUp() override {
    if (!no_gpu().empty()) GTEST_SKIP() << no_gpu();
    set_gpu_arithmetic(Tf32::kOff, true);
  }
};

// While one lives, counts the replays of the card's graphs.
class CountedReplays {
 public:
  int count() const { return *count_; }

 private:
  class Graph : public StepGraph {
   public:
    Graph(std::unique_ptr<StepGraph> graph, std::shared_ptr<int> count)
        : graph_(std::move(graph)), count_(std::move(count)) {}
    void warm_up(const Work& work) override { graph_->warm_up(work); }
    void record(const Work& work) override { graph_->record(work); }
    void replay() override {
      graph_->replay();
      ++*count_;
    }

   private:
    std::unique_ptr<StepGraph> graph_;
    std::shared_ptr<int> count_;
  };

  std::shared_ptr<int> count_ = std::make_shared<int>(0);
  StepGraphScope scope_{[real = step_graph_maker(gpu()), count = count_](c10::Device device) {
    return real ? std::make_unique<Graph>(real(device), count) : nullptr;
  }};
};

// |x - y| / |y| in the Euclidean norm, in float64 on the CPU.
inline double distance(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor a = x.detach().to(at::kCPU, at::kDouble),
                   b = y.detach().to(at::kCPU, at::kDouble);
  return ((a - b).norm() / b.norm().clamp_min(1e-30)).item<double>();
}

}  // namespace diffuse
