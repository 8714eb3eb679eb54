// Samples drawn batch by batch into an output.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "diffuse/distributed/world.h"
#include "diffuse/model_file/model.h"
#include "src/distributed/work_queue.h"
#include "src/model_file/cascade.h"
#include "src/model_file/condition_input.h"
#include "src/model_file/editing.h"
#include "src/model_file/sample_output.h"

namespace diffuse {

// Each sample by its number.
struct SamplePlan {
  Sampling sampling;
  int64_t count = 0, batch = 0;
  uint64_t seed = 0;
  std::vector<StreamKey> listed;  // empty = (seed, i)
  at::Tensor start;               // x_T [count, ...] or undefined
  GivenConditions conditions{};   // each of them has an equal part of the samples, in their order
  std::optional<Cascade> cascade{};  // whose samples are the conditions instead

  std::vector<StreamKey> keys(int64_t begin, int64_t size) const;

  // For samples begin, begin + 1, ..., with their labels, x_T and given conditions.
  GenerateOptions options(int64_t begin, int64_t size) const;
};

// Makes all samples the same down to timestep t. Throws Error naming --share-from-step where it cannot be.
void share_from_step(SamplePlan& plan, const Model& model, int64_t t);

// Moments of the reverse process to keep of each batch, evenly spread over its steps.
struct Frames {
  int64_t count = 0;
  bool of_x0 = false;  // the predicted x_0 instead of x_t
};

// Thrown from within a batch after a signal: this batch is lost, earlier ones are kept.
struct SamplingStopped {
  int signal;
};

// Samples from `done` on. Each rank draws a batch, then rank 0, which alone has an output, adds them all. If a
// rank dies, only the current batches are lost.
void draw_samples(const SamplePlan& plan, const Model& model, const Frames& frames, int64_t done,
                  World& world, SampleOutput* output);

// Draws batches that are missing and not locked by another process, until all are done. A process that makes no
// progress for `patience` seconds is taken for dead.
void draw_queued(const SamplePlan& plan, const Model& model, double patience, WorkQueue& queue,
                 SampleOutput& output);

}  // namespace diffuse
