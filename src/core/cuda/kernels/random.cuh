// Random numbers of a batch's rows, each from the stream of its key: keys [B, 2] of {seed, index}.
#include "src/core/cuda/kernels/philox.cuh"

// The step of a stream: *step where there is one, else `fixed`.
DEVICE unsigned step_of(const long long* step, long long fixed) {
  return (unsigned)(step ? *step : fixed);
}

// Box-Muller: two words become two independent N(0, 1) values, in double as on the CPU.
DEVICE void normal_pair(unsigned a, unsigned b, float* out) {
  const double u = (a + 0.5) * 0x1p-32, radius = sqrt(-2 * log(u));
  double sine, cosine;
  sincospi(2 * (b * 0x1p-32), &sine, &cosine);
  out[0] = (float)(radius * cosine);
  out[1] = (float)(radius * sine);
}

// out [B, width]. A thread a block of words; grid (blocks of a row, B).
KERNEL void __launch_bounds__(kThreads)
    fill_normals(float* out, const long long* keys, const long long* step, long long fixed_step,
                 long long purpose, long long width) {
  const unsigned block = blockIdx.x * kThreads + threadIdx.x;
  const long long row = blockIdx.y, first = 4ll * block;
  if (first >= width) return;
  const Stream stream = stream_of(keys + 2 * row, (unsigned)purpose, step_of(step, fixed_step));
  const Words words = words_of(stream, block);
  float values[4];
  normal_pair(words.at[0], words.at[1], values);
  normal_pair(words.at[2], words.at[3], values + 2);
  float* const to = out + row * width + first;
  for (int i = 0; i < 4; ++i)
    if (first + i < width) to[i] = values[i];
}
