#include "tests/core/cuda/fibres.h"

#include <gtest/gtest.h>

#include <numeric>

namespace diffuse::shim {
namespace {

TEST(Fibres, WaitForOneAnother) {
  Block block;
  std::vector<int> first(100), seen(100);
  block.run(100, true, [&] {
    first[thread_index.x] = 1;
    Block::current()->barrier();
    seen[thread_index.x] = std::accumulate(first.begin(), first.end(), 0);
  });
  EXPECT_EQ(seen, std::vector<int>(100, 100));
}

TEST(Fibres, ExchangeWithinTheirWarp) {
  Block block;
  std::vector<float> seen(64);
  block.run(64, true, [&] {
    const unsigned self = thread_index.x;
    seen[self] = Block::current()->exchange(static_cast<float>(self), self % 32 ^ 1);
  });
  for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(seen[i], static_cast<float>(i ^ 1));
}

TEST(Fibres, FindBarriersThatSomeNeverReach) {
  Block block;
  EXPECT_THROW(block.run(64, true,
                         [] {
                           if (thread_index.x % 2 == 0) Block::current()->exchange(0, 0);
                         }),
               std::logic_error);
  Block other;
  EXPECT_THROW(other.run(2, false, [] { Block::current()->barrier(); }), std::logic_error);
}

}  // namespace
}  // namespace diffuse::shim
