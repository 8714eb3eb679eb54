// Adds many tensors to as many others, and sums the columns of many matrices.
#include "src/core/cuda/kernels/element.cuh"
#include "src/model/ops/cuda/kernels/sums_arguments.cuh"

// Number of the sum that the block has a part of.
template <class Sum>
DEVICE int sum_of_block(const Sums<Sum>& sums) {
  int mine = 0;
  for (int step = 64; step > 0; step /= 2)
    if (mine + step < sums.count && sums.of[mine + step].first_block <= (int)blockIdx.x)
      mine += step;
  return mine;
}

// A block's part of to += from, by N = 4 or 1 at a time.
template <int N>
DEVICE void add_numbers(const TensorSum& sum, long long begin) {
  const Element* const from = (const Element*)sum.from;
  const long long end = begin + kNumbersOfSum < sum.count ? begin + kNumbersOfSum : sum.count;
  UNROLL(2)
  for (long long i = begin + threadIdx.x * N; i < end; i += kThreads * N) {
    long long to = i;
    if (sum.stride != sum.columns) to += i / sum.columns * (sum.stride - sum.columns);
    if constexpr (N == 1) {
      sum.to[to] += widen(from[i]);
    } else {
      Four all = four(sum.to, to);
      const Four more = four(from, i);
      for (int k = 0; k < 4; ++k) all.at[k] += more.at[k];
      put_four(sum.to, to, all);
    }
  }
}

KERNEL void __launch_bounds__(kThreads) add_tensors(Sums<TensorSum> sums) {
  const TensorSum& sum = sums.of[sum_of_block(sums)];
  const long long begin = (long long)((int)blockIdx.x - sum.first_block) * kNumbersOfSum;
  if (sum.packed)
    add_numbers<4>(sum, begin);
  else
    add_numbers<1>(sum, begin);
}

KERNEL void __launch_bounds__(kThreads) sum_columns(Sums<ColumnSum> sums) {
  constexpr int kRows = kThreads / kColumnsOfSum;
  __shared__ float found[kThreads];
  const ColumnSum& sum = sums.of[sum_of_block(sums)];
  const int local = threadIdx.x % kColumnsOfSum, row = threadIdx.x / kColumnsOfSum;
  const int column = ((int)blockIdx.x - sum.first_block) * kColumnsOfSum + local;
  const bool active = column < sum.columns;
  float total = 0;
  if (active) {
    const Element* const from = (const Element*)sum.from + column;
    UNROLL(8)
    for (int at = row; at < sum.rows; at += kRows)
      total += widen(from[(long long)at * sum.columns]);
  }
  found[threadIdx.x] = total;
  __syncthreads();
  if (row > 0 || !active) return;
  for (int other = 1; other < kRows; ++other) total += found[other * kColumnsOfSum + local];
  const int part = column / sum.width;
  float* const out = part == 0 ? sum.to[0] : part == 1 ? sum.to[1] : sum.to[2];
  if (!out) return;
  float* const place = out + (column - part * sum.width);
  *place = sums.added ? *place + total : total;
}
