// Values derived from weights, such as copies in another precision, cached between forward passes: for many small
// batches through a network that does not change.
#pragma once

#include <ATen/core/Tensor.h>

#include <unordered_map>

namespace diffuse {

// A weight's data pointer -> the derived value.
using WeightCache = std::unordered_map<const void*, at::Tensor>;

// While one exists, operations on this thread look up derived values in `cache` and store them there.
// The weights must not change while `cache` is in use.
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
