#include "src/core/heap.h"

#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdint>
#include <memory>

namespace diffuse {

class Heap : public testing::Test {
 protected:
  void SetUp() override { use_training_heap(); }
};

// What rests on malloc() itself, which sanitizers replace.
class HeapOfGlibc : public Heap {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "wants glibc's malloc";
#endif
    Heap::SetUp();
  }
};

static int64_t bytes_in_use() { return static_cast<int64_t>(mallinfo2().uordblks); }

TEST_F(Heap, AlignsWhateverTheSize) {
  for (const int64_t size : {1, 7, 64, 65, 1000, 1 << 20}) {
    const at::Tensor x = at::ones({size}, at::kByte);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(x.data_ptr()) % 64, 0) << size;
    EXPECT_EQ(x.sum().item<int64_t>(), size);
  }
}

struct Sum : c10::MemoryReportingInfoBase {
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device) override { now += size; }
  bool memoryProfilingEnabled() const override { return true; }
  int64_t now = 0;
};

TEST_F(Heap, ReportsWhatIsFreedOfWhatWasThereBefore) {
  at::Tensor before = at::empty({1000}, at::kByte);
  const auto sum = std::make_shared<Sum>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, sum);
  at::Tensor after = at::empty({300}, at::kByte);
  EXPECT_EQ(sum->now, 300);
  before.reset();
  EXPECT_EQ(sum->now, 300 - 1000);
  after.reset();
  EXPECT_EQ(sum->now, -1000);
}

TEST_F(HeapOfGlibc, TakesAndGivesBack) {
  const int64_t before = bytes_in_use();
  at::Tensor x = at::empty({1 << 20}, at::kByte);
  EXPECT_GE(bytes_in_use(), before + (1 << 20));
  x.reset();
  EXPECT_LT(bytes_in_use(), before + (1 << 16));
  void* raw = c10::GetCPUAllocator()->raw_allocate(100);
  c10::GetCPUAllocator()->raw_deallocate(raw);
  EXPECT_EQ(at::empty({0}).numel(), 0);
}

TEST_F(HeapOfGlibc, TakesAFreedBlockOfTheSameSizeAgain) {
  at::Tensor first = at::empty({1 << 20}, at::kByte);
  const at::Tensor fence = at::empty({1 << 20}, at::kByte);  // keeps the freed block from growing
  const void* place = first.data_ptr();
  first.reset();
  EXPECT_EQ(at::empty({1 << 20}, at::kByte).data_ptr(), place);
}

TEST_F(HeapOfGlibc, NamesTheSizeThatIsNotThere) {
  for (const int64_t size : {int64_t{1} << 60, INT64_MAX - 1}) {
    try {
      at::empty({size}, at::kByte);
      FAIL();
    } catch (const c10::OutOfMemoryError& error) {
      EXPECT_NE(std::string(error.what()).find(std::to_string(size)), std::string::npos);
    }
  }
}

}  // namespace diffuse
