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
  std::function<void(void**)> body;  // one thread of it
  Barriers barriers;
};

template <class... Arguments, size_t... I>
std::function<void(void**)> unpacked(void (*kernel)(Arguments...), std::index_sequence<I...>) {
  return [kernel](void** arguments) { kernel(*static_cast<Arguments*>(arguments[I])...); };
}

template <class... Arguments>
Kernel wrap(void (*kernel)(Arguments...), Barriers barriers) {
  return {unpacked(kernel, std::index_sequence_for<Arguments...>()), barriers};
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
    for (int64_t y = 0; y < call.grid[1]; ++y)
      for (int64_t x = 0; x < call.grid[0]; ++x) {
        block_index = {in_turn(static_cast<unsigned>(x), static_cast<unsigned>(call.grid[0])),
                       in_turn(static_cast<unsigned>(y), static_cast<unsigned>(call.grid[1])), 0};
        block_.run(static_cast<unsigned>(call.block), kernel.barriers == Barriers::kSome,
                   [&] { kernel.body(arguments); });
      }
  }

  int64_t multiprocessors(c10::Device) override { return multiprocessors_; }

  int64_t launches = 0;

 private:
  int64_t multiprocessors_;
  Block block_;
  cuda::KernelLauncherScope scope_{this};
};

}  // namespace diffuse::shim
