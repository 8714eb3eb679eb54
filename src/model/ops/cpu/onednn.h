// oneDNN's matrix product, from the plugin beside this library.
//
// LibTorch contains another oneDNN, whose headers are on its include path, and an executable could replace
// some functions of this one by LibTorch's. So onednn_plugin.cpp is compiled and linked separately, and
// loaded so that it finds its own symbols first.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace diffuse::ops::cpu::onednn {

// float32 matrices [count, rows, columns].
struct Matrices {
  float* data;
  std::array<int64_t, 3> sizes, strides;
};

// "2.6.3"; "" if the plugin was not built or its library is missing.
std::string version();

// c = a b, or c += a b: a [n, M, K], b [n, K, N] with a stride of 1 along rows or columns, c [n, M, N] along
// its columns. `threads`: the number available to the call. Primitives are cached for calls of the same kind.
void multiply(const Matrices& a, const Matrices& b, const Matrices& c, bool accumulate,
              int64_t threads);

// The plugin's functions.
using Version = const char*();
using Multiply = void(const Matrices&, const Matrices&, const Matrices&, bool, int64_t);

}  // namespace diffuse::ops::cpu::onednn
