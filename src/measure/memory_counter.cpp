#include "memory_counter.h"

#include <sys/resource.h>

#include <algorithm>

namespace diffuse {

int64_t resident_peak() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

MemoryCounter::MemoryCounter(c10::Device device)
    : counts_(std::make_shared<Counts>(device)),
      guard_(c10::DebugInfoKind::PROFILER_STATE, counts_) {}

// `size` is negative when memory is freed.
void MemoryCounter::Counts::reportMemoryUsage(void*, int64_t size, size_t, size_t,
                                              c10::Device device) {
  if (device.type() != on.type()) return;
  now += size;
  peak = std::max<int64_t>(peak, now);
}

}  // namespace diffuse
