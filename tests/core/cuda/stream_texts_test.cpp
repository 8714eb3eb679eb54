// The kernels' streams as C++, beside those of the CPU.
#define STORAGE 0
#include <gtest/gtest.h>

#include <utility>

#include "diffuse/core/random.h"
#include "tests/core/cuda/shim.h"

namespace diffuse::shim {
namespace {

#include "src/core/cuda/kernels/philox.cuh"

TEST(KernelStreams, GiveTheWordsOfTheCpu) {
  for (const auto& [seed, index] :
       {std::pair<uint64_t, uint64_t>{0, 0}, {7, 12345678901234}, {0xFFFFFFFFFFFFFFFF, 3}}) {
    const long long key[] = {static_cast<long long>(seed), static_cast<long long>(index)};
    const Stream stream = stream_of(key, static_cast<unsigned>(Purpose::kAugment), 5);
    RandomStream ours(seed, Purpose::kAugment, index, 5);
    for (unsigned i = 0; i < 1027; ++i)
      ASSERT_EQ(word_of(words_of(stream, i / 4), i % 4), ours.next()) << seed << " " << i;
  }
}

}  // namespace
}  // namespace diffuse::shim
