// The random streams of dropout: what is zeroed is then a function of (seed, sample, layer), independent of
// the batch size and the numbers of processes and threads.
#pragma once

#include <memory>
#include <vector>

#include "diffuse/core/random_tensor.h"

namespace diffuse {

// While one exists, dropout on this thread uses the streams of its keys: key b is row b's sample.
class DropoutScope {
 public:
  using Keys = std::shared_ptr<const std::vector<StreamKey>>;

  explicit DropoutScope(Keys keys);
  ~DropoutScope();
  DropoutScope(const DropoutScope&) = delete;
  DropoutScope& operator=(const DropoutScope&) = delete;

  static Keys current();  // null outside of a scope

 private:
  Keys outer_;
};

}  // namespace diffuse
