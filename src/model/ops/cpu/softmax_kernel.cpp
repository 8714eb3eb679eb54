#include "softmax_kernel.h"

#include "exponential.h"

namespace diffuse::ops::cpu {

// Floats' words in an order of integers: compilers do not find the processor's maximum in a comparison of floats.
static DIFFUSE_INLINE int32_t ordered(int32_t word) { return word ^ (word >> 31 & 0x7fffffff); }

DIFFUSE_VECTORISED void softmax_rows(int64_t rows, int64_t n, float scale, float* x) {
  for (int64_t r = 0; r < rows; ++r, x += n) {
    int32_t largest = INT32_MIN;
#pragma omp simd reduction(max : largest)
    for (int64_t i = 0; i < n; ++i)
      largest = std::max(largest, ordered(std::bit_cast<int32_t>(x[i])));
    const auto shift = std::bit_cast<float>(ordered(largest));
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; ++i) {
      const float power = scale * (x[i] - shift);
      x[i] = exp_bounded(power);
      sum += x[i] + (power != power ? power : 0);  // NaN, which exp_bounded clips
    }
    const float factor = 1 / sum;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) x[i] *= factor;
  }
}

}  // namespace diffuse::ops::cpu
