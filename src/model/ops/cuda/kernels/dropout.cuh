// Dropout by itself.
#include "src/model/ops/cuda/kernels/dropout_mask.cuh"

// y = x m / (1 - p), numbers of x [B, width] kept or dropped by the words of their row's stream; scale =
// 1 / (1 - p). A thread has four neighbouring numbers; grid (blocks of a row, B).
KERNEL void __launch_bounds__(kThreads)
    dropout(const Element* x, const long long* keys, long long layer, long long limit, float scale,
            long long width, Element* y) {
  const long long first = 4 * ((long long)blockIdx.x * kThreads + threadIdx.x), row = blockIdx.y;
  if (first >= width) return;
  const unsigned kept =
      kept_of<4>(dropout_stream(keys, row, layer), (unsigned long long)first, limit);
  for (int i = 0; i < 4; ++i) {
    if (first + i >= width) return;
    const long long at = row * width + first + i;
    y[at] = narrow(kept >> i & 1u ? widen(x[at]) * scale : 0.0f);
  }
}
