// Counts the FLOPs of LibTorch's operators.
#pragma once

#include <ATen/record_function.h>

namespace diffuse {

// During its lifetime, counts the FLOPs of this thread's forward convolutions, linear layers and attention:
// all but a few per cent of a network's FLOPs. At most one per thread.
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
