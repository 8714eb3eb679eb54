// Runs kernels that were compiled as C++ on the CPU.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "src/core/cuda/kernel_launcher.h"
#include "tests/core/cuda/fibres.h"

namespace diffuse::shim {

enum class Barriers { kNone, kSome };

struct Kernel {
  std::function<std::function<void()>(void**)>
      bind;  // one thread of it, with a copy of the arguments
  Barriers barriers;
};

template <class... Arguments, size_t... I>
auto binder(void (*kernel)(Arguments...), std::index_sequence<I...>) {
  return [kernel](void** arguments) -> std::function<void()> {
    return [kernel, kept = std::make_tuple(*static_cast<Arguments*>(arguments[I])...)] {
      std::apply(kernel, kept);
    };
  };
}

template <class... Arguments>
Kernel wrap(void (*kernel)(Arguments...), Barriers barriers) {
  return {binder(kernel, std::index_sequence_for<Arguments...>()), barriers};
}

// The kernels of a text by name.
using Kernels = std::map<std::string, Kernel>;

// All texts that were compiled into this test program.
inline std::map<std::pair<std::string, c10::ScalarType>, Kernels>& compiled_texts() {
  static std::map<std::pair<std::string, c10::ScalarType>, Kernels> texts;
  return texts;
}

struct Registration {
  Registration(const std::string& text, c10::ScalarType storage, Kernels kernels) {
    compiled_texts()[{text, storage}] = std::move(kernels);
  }
};

// While one lives, kernels run from their last thread to their first.
class LastFirst {
 public:
  LastFirst() { last_first = true; }
  ~LastFirst() { last_first = false; }
  LastFirst(const LastFirst&) = delete;
  LastFirst& operator=(const LastFirst&) = delete;
};

// Runs the blocks of a launch one after the other.
class Grid {
 public:
  void run(const cuda::KernelCall& call, Barriers barriers, const std::function<void()>& body) {
    for (int64_t y = 0; y < call.grid[1]; ++y)
      for (int64_t x = 0; x < call.grid[0]; ++x) {
        block_index = {in_turn(static_cast<unsigned>(x), static_cast<unsigned>(call.grid[0])),
                       in_turn(static_cast<unsigned>(y), static_cast<unsigned>(call.grid[1])), 0};
        block_.run(static_cast<unsigned>(call.block), barriers == Barriers::kSome, body);
      }
  }

 private:
  Block block_;
};

// While it lives, CPU tensors are computed by the kernels.
class ShimLauncher : public cuda::KernelLauncher {
 public:
  explicit ShimLauncher(int64_t multiprocessors = 1) : multiprocessors_(multiprocessors) {}

  bool prepare(const cuda::KernelModule& module, c10::Device) override {
    return compiled_texts().contains({module.text, module.storage});
  }

  void launch(const cuda::KernelModule& module, const cuda::KernelCall& call, c10::Device,
              void** arguments) override {
    const Kernel& kernel = compiled_texts().at({module.text, module.storage}).at(call.kernel);
    ++launches;
    grid_.run(call, kernel.barriers, kernel.bind(arguments));
  }

  int64_t multiprocessors(c10::Device) override { return multiprocessors_; }

  int64_t launches = 0;

 private:
  int64_t multiprocessors_;
  Grid grid_;
  cuda::KernelLauncherScope scope_{this};
};

}  // namespace diffuse::shim
