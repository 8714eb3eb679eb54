// Which numbers dropout keeps: word i of a row's stream decides for number i of the row.
#pragma once

#include "src/core/cuda/kernels/philox.cuh"

DEVICE Stream dropout_stream(const long long* keys, long long row, long long layer) {
  constexpr unsigned kPurpose = 7;  // Purpose::kDropout
  return stream_of(keys + 2 * row, kPurpose, (unsigned)layer);
}

// Of numbers first ... first + N - 1, bit i for number i. Of more than one, `first` is a multiple of four.
template <int N>
DEVICE unsigned kept_of(const Stream& stream, unsigned long long first, unsigned long long limit) {
  if constexpr (N == 1)
    return word_of(words_of(stream, (unsigned)(first / 4)), (unsigned)(first % 4)) >= limit;
  unsigned kept = 0;
  UNROLL(N)
  for (int i = 0; i < N / 4; ++i) {
    const Words words = words_of(stream, (unsigned)(first / 4) + i);
    UNROLL(4)
    for (int j = 0; j < 4; ++j) kept |= (unsigned)(words.at[j] >= limit) << (4 * i + j);
  }
  return kept;
}
