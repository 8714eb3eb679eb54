// Shuffled, augmented training batches, prefetched on a background thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "diffuse/core/random_tensor.h"
#include "diffuse/data/dataset.h"

namespace diffuse {

struct Batch {
  at::Tensor x;              // float32 [B, ...] on the CPU; undefined if only items are wanted
  at::Tensor labels;         // int64 [B]; undefined if the set has no labels
  int64_t first_sample = 0;  // global sample number of row 0; rows are consecutive
  at::Tensor items{};        // int64 [B]: each row's number in the set, if only items are wanted
  std::vector<StreamKey> mirror{};  // the streams that say which of these to mirror; empty: none
  at::Tensor condition{};           // Dataset::condition() of the items
};

// Whether the sample of this key is mirrored: with probability 1/2.
bool mirrors(const StreamKey& sample);

struct LoaderOptions {
  int64_t global_batch = 128;  // samples per step over all ranks
  int64_t rank_begin = 0;      // this rank's rows [rank_begin, rank_end) of each global batch
  int64_t rank_end = 128;
  int64_t first_step = 0;  // step s starts at sample s * global_batch
  bool horizontal_flip = false;
  uint64_t seed = 0;
  int64_t prefetch = 4;     // batches ready in advance
  bool items_only = false;  // the numbers of items instead of their values
  bool pinned = false;      // x in memory that a GPU reads by itself
};

// Global sample g is item permutation_{g / N}[g % N]: each epoch visits every item once, batches may span
// two epochs, and the order is a function of (seed, g). Flips are drawn per g.
class BatchLoader {
 public:
  BatchLoader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options);
  ~BatchLoader();

  // The next step's rows for this rank, in order. Rethrows exceptions of the background thread.
  Batch next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace diffuse
