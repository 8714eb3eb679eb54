#include "jobs.h"

#include <cstdlib>
#include <memory>
#include <new>

namespace diffuse::ops::cpu {

struct FreeMemory {
  void operator()(float* p) const { std::free(p); }
};

float* thread_scratch(int64_t floats) {
  static thread_local std::unique_ptr<float, FreeMemory> memory;
  static thread_local int64_t size = 0;
  if (size < floats) {
    constexpr int64_t kLine = 64 / sizeof(float);
    size = ceil_divide(floats, kLine) * kLine;
    memory.reset();
    memory.reset(static_cast<float*>(std::aligned_alloc(64, size * sizeof(float))));
    if (memory == nullptr) {
      size = 0;
      throw std::bad_alloc();
    }
  }
  return memory.get();
}

}  // namespace diffuse::ops::cpu
