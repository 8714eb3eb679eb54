#include "src/measure/memory_counter.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace diffuse {

TEST(MemoryCounter, CountsTheMostThatIsThereAtOnce) {
  const at::Tensor before = at::empty({1000});
  const MemoryCounter counter(at::kCPU);
  { const at::Tensor first = at::empty({1000}), second = at::empty({500}); }
  const at::Tensor third = at::empty({700});
  EXPECT_EQ(counter.peak(), 4 * 1500);
}

TEST(ResidentPeak, GrowsWithMemoryThatIsTouched) {
  const int64_t before = resident_peak();
  const at::Tensor touched = at::ones({64 << 20}, at::kByte);
  EXPECT_GT(resident_peak() - before, 32 << 20);
}

}  // namespace diffuse
