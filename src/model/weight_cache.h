// What operations derive from weights (transformed filters, for one), kept from one forward pass to the
// next: for many small batches through a network that does not change.
#pragma once

#include <ATen/core/Tensor.h>

#include <unordered_map>

namespace diffuse {

// A weight's data pointer -> what was derived from it. Holds up to four times the weights' memory.
using WeightCache = std::unordered_map<const void*, at::Tensor>;

// While one lives, operations on this thread look in `cache` before they transform a weight, and put
// there what they have transformed. The weights must not change as long as `cache` is in use.
class WeightCacheScope {
 public:
  explicit WeightCacheScope(WeightCache& cache);
  ~WeightCacheScope();
  WeightCacheScope(const WeightCacheScope&) = delete;
  WeightCacheScope& operator=(const WeightCacheScope&) = delete;

  static WeightCache* current();  // null outside of a scope

 private:
  WeightCache* outer_;
};

}  // namespace diffuse
