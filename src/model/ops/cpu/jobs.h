// Work divided among LibTorch's threads.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

#include "product_kernel.h"

namespace diffuse::ops::cpu {

// Part i of n equal ones of 0 .. size - 1, in steps of `step`.
inline Range part_of(int64_t size, int64_t i, int64_t n, int64_t step = 1) {
  const int64_t steps = ceil_divide(size, step);
  return {i * steps / n * step, std::min(size, (i + 1) * steps / n * step)};
}

// At least so many floats for the calling thread alone, at a multiple of 64 bytes, until its next call. Kept between
// calls: memory that another thread has written last would first have to come from that core's cache.
float* thread_scratch(int64_t floats);

// Calls work(job, scratch) with jobs 0 .. count - 1 on all threads. A thread takes the next job when it has
// finished one, and has `floats` of scratch. work calls no for_jobs.
template <class Work>
void for_jobs(int64_t count, int64_t floats, const Work& work) {
  const int64_t threads = std::min<int64_t>(count, at::get_num_threads());
  std::atomic<int64_t> next = 0;
  at::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
    float* const scratch = thread_scratch(floats);
    for (int64_t job = next++; job < count; job = next++) work(job, scratch);
  });
}

}  // namespace diffuse::ops::cpu
