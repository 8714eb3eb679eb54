// Softmax on the CPU.
#pragma once

#include <cstdint>

namespace diffuse::ops::cpu {

// Each of the rows of x [rows, n] -> softmax(scale x), in place; scale > 0.
void softmax_rows(int64_t rows, int64_t n, float scale, float* x);

}  // namespace diffuse::ops::cpu
