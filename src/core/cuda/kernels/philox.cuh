// The random streams of diffuse/core/random.h: the same words from the same (seed, purpose, index, step).
#pragma once

#include "src/core/cuda/kernels/element.cuh"

struct Words {
  unsigned at[4];
};

// Philox4x32-10, one block of four words.                                            [Salmon11]
DEVICE Words philox(Words c, unsigned key0, unsigned key1) {
  for (int round = 0; round < 10; ++round) {
    const unsigned long long product0 = 0xD2511F53ull * c.at[0];
    const unsigned long long product1 = 0xCD9E8D57ull * c.at[2];
    c = {{(unsigned)(product1 >> 32) ^ c.at[1] ^ key0, (unsigned)product1,
          (unsigned)(product0 >> 32) ^ c.at[3] ^ key1, (unsigned)product0}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

// SplitMix64's finaliser.
DEVICE unsigned long long mix(unsigned long long z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

// RandomStream of a row: `key` is its {seed, index}.
struct Stream {
  unsigned key0, key1, step, index0, index1;
};

DEVICE Stream stream_of(const long long* key, unsigned purpose, unsigned step) {
  const unsigned long long seed = (unsigned long long)key[0], index = (unsigned long long)key[1];
  const unsigned long long mixed = mix(mix(seed + 0x9E3779B97F4A7C15ull) + purpose);
  return {(unsigned)mixed, (unsigned)(mixed >> 32), step, (unsigned)index, (unsigned)(index >> 32)};
}

// Words 4 block ... 4 block + 3 of the stream.
DEVICE Words words_of(const Stream& s, unsigned block) {
  return philox({{block, s.step, s.index0, s.index1}}, s.key0, s.key1);
}

// By selection: an index that is not constant would put the words in memory.
DEVICE unsigned word_of(const Words& words, unsigned i) {
  const unsigned low = i & 1u ? words.at[1] : words.at[0],
                 high = i & 1u ? words.at[3] : words.at[2];
  return i & 2u ? high : low;
}
