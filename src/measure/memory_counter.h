// Memory in use.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <atomic>
#include <cstdint>
#include <memory>

namespace diffuse {

// Peak resident memory of this process, in bytes.
int64_t resident_peak();

// Counts the bytes of LibTorch's tensors on one device that this thread and its backward passes allocate and
// free.
class MemoryCounter {
 public:
  explicit MemoryCounter(c10::Device device);

  int64_t peak() const { return counts_->peak; }  // bytes above the start

 private:
  struct Counts : c10::MemoryReportingInfoBase {
    explicit Counts(c10::Device device) : on(device) {}
    void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device device) override;
    bool memoryProfilingEnabled() const override { return true; }

    c10::Device on;
    std::atomic<int64_t> now = 0, peak = 0;
  };

  std::shared_ptr<Counts> counts_;
  c10::DebugInfoGuard guard_;
};

}  // namespace diffuse
