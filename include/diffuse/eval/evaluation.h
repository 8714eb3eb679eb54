// What every evaluation of a model on a data set shares.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "diffuse/distributed/world.h"

namespace diffuse {

// A mean over items. The standard error is NaN for a single item.
struct Estimate {
  double mean = 0;
  double standard_error = 0;
};

struct EvaluationOptions {
  int64_t items = 256;  // spread evenly over the set; at most all
  int64_t batch = 128;  // inputs of the network at once; does not change the figures
  bool labels = false;  // give the network the items' classes
  uint64_t seed = 0;    // of all noise: each draw is a function of (seed, item, t)
  c10::Device device = c10::kCPU;
  c10::ScalarType precision = c10::kFloat;

  // The processes that divide the items between them; each gets all figures.
  std::shared_ptr<World> world = std::make_shared<World>();

  // A folder, or "". Where it is set, all processes that share it measure the items in parts of `batch`,
  // whenever they are started or lost, instead of those of `world`: each part's figures become a file
  // there, and each process that sees the end gets all figures. A part that another process is at and
  // that takes longer than `patience` seconds is measured again.
  std::filesystem::path queue{};
  double patience = 600;

  // Told how many of the network's inputs are done, of this process's; what it throws ends the
  // evaluation.
  std::function<void(int64_t done, int64_t total)> progress{};
};

}  // namespace diffuse
