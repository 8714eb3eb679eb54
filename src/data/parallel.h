// A loop over independent items on a few threads. LibTorch's thread pool stays free for the model.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "src/core/device.h"

namespace diffuse {

// Calls work(i) for 0 <= i < count. Rethrows the exception of the lowest i that failed, so that the message
// is deterministic.
template <class Work>
void parallel_for(int64_t count, const Work& work) {
  constexpr int64_t kMaxThreads = 8;
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  int64_t failed = count;
  // Items are taken in order: when one fails, all before it have already been taken.
  const auto run = [&] {
    for (int64_t i = next++; i < count; i = next++) {
      try {
        work(i);
      } catch (...) {
        const std::scoped_lock lock(mutex);
        if (i < failed) {
          failed = i;
          failure = std::current_exception();
        }
        next = count;
      }
    }
  };
  const int64_t cores = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::jthread> helpers;
  for (int64_t i = 1; i < std::min({cores, kMaxThreads, count}); ++i)
    helpers.emplace_back([&run] {
      keep_to_this_thread();
      run();
    });
  run();
  helpers.clear();  // joins
  if (failure) std::rethrow_exception(failure);
}

}  // namespace diffuse
