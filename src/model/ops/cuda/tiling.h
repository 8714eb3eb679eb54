// How the kernels' launches divide images among blocks.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <optional>

#include "kernels/tiling.cuh"
#include "src/core/cuda/kernel_launcher.h"

namespace diffuse::ops::cuda {

constexpr int64_t kThreads = 256;  // of a block, in all kernels

inline int64_t quotient_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Null where x is undefined.
inline const void* pointer(const at::Tensor& x) {
  return x.defined() ? x.const_data_ptr() : nullptr;
}
inline void* writable(const at::Tensor& x) { return x.defined() ? x.mutable_data_ptr() : nullptr; }
inline const float* floats(const at::Tensor& x) { return static_cast<const float*>(pointer(x)); }

template <class T>
T* writable_as(const at::Tensor& x) {
  return static_cast<T*>(writable(x));
}

// Neighbouring channels that a kernel loads at once: as many as 128 bits hold where all `channels` are
// multiples of that and all tensors begin at multiples of 16 bytes, else 1.
int64_t column_width(std::initializer_list<int64_t> channels,
                     std::initializer_list<at::Tensor> tensors);

// Blocks enough to fill a card of so many multiprocessors (0: whole images), with four pixels or more a thread.
Tiling tiling_of(int64_t batch, int64_t pixels, int64_t channels, int64_t width,
                 int64_t multiprocessors);

// The same with whole images, tiles of whole groups of `group` channels, so that a block can finish what it has
// begun; nothing where a thread would then have too many pixels.
std::optional<Tiling> whole_tiling_of(int64_t batch, int64_t pixels, int64_t channels,
                                      int64_t width, int64_t group, int64_t multiprocessors);

}  // namespace diffuse::ops::cuda
