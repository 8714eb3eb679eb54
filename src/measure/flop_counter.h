// Counts the arithmetic of what LibTorch runs.
#pragma once

#include <ATen/record_function.h>

namespace diffuse {

// While it lives, counts the multiplications and additions of this thread's forward convolutions,
// linear layers and attention: all but a few hundredths of a network's. One at a time a thread.
class FlopCounter {
 public:
  FlopCounter();
  ~FlopCounter();
  FlopCounter(const FlopCounter&) = delete;
  FlopCounter& operator=(const FlopCounter&) = delete;

  double operations() const;

 private:
  at::CallbackHandle handle_;
};

}  // namespace diffuse
