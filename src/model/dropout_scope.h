// Which random streams dropout draws from: what is zeroed is then a function of (seed, sample, layer),
// whatever the batch size, the number of processes and of threads.
#pragma once

#include <memory>
#include <vector>

#include "diffuse/core/random_tensor.h"

namespace diffuse {

// While one lives, dropout on this thread draws for the rows of a batch from the streams of its keys:
// key b is row b's sample.
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
