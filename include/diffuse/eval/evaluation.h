// Shared by all evaluations of a model on a data set.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "diffuse/config/config.h"
#include "diffuse/distributed/world.h"

namespace diffuse {

// A mean over items. The standard error is NaN for a single item.
struct Estimate {
  double mean = 0;
  double standard_error = 0;
};

struct EvaluationOptions {
  int64_t items = 256;          // evenly spaced over the set; at most all
  int64_t batch = 128;          // inputs per network call; does not change the figures
  bool labels = false;          // give the network the items' classes
  ConditionConfig condition{};  // and their conditions, without added noise
  uint64_t seed = 0;            // of all noise: each sample is a function of (seed, item, t)
  c10::Device device = c10::kCPU;
  c10::ScalarType precision = c10::kFloat;

  // The processes that share the items; each gets all figures.
  std::shared_ptr<World> world = std::make_shared<World>();

  // A folder, or "". If set, all processes that share it, instead of those of `world`, measure the items in
  // parts of `batch`; they may start and stop at any time. Each part's figures become a file there, and each
  // process that is present at the end gets all figures. A part that another process has held for longer
  // than `patience` seconds is measured again.
  std::filesystem::path queue{};
  double patience = 600;

  // Called with the number of finished network inputs of this process; an exception ends the evaluation.
  std::function<void(int64_t done, int64_t total)> progress{};
};

}  // namespace diffuse
