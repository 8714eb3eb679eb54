// Worlds whose processes are threads of the test.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "diffuse/distributed/world.h"

namespace diffuse::testing_distributed {

// Calls `body` in `size` threads, each with its own rank, and returns what each has thrown ("" for
// nothing).
inline std::vector<std::string> run_worlds(int64_t size, const std::function<void(World&)>& body,
                                           double peer_timeout = 60) {
  // c10d's flight recorder, one for the process, is not safe for ranks that are threads.
  setenv("TORCH_FR_BUFFER_SIZE", "0", /*overwrite=*/1);
  static uint16_t port =
      static_cast<uint16_t>(21000 + getpid() * 131 % 20000);  // of neighbours apart
  ++port;
  std::vector<std::string> thrown(size);
  std::vector<std::jthread> threads;
  for (int64_t rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      try {
        const Launch launch{.rank = rank,
                            .size = size,
                            .local_rank = rank,
                            .local_size = size,
                            .host = "127.0.0.1",
                            .port = port};
        World world(launch, c10::kCPU, peer_timeout);
        body(world);
      } catch (const std::exception& failure) {
        thrown[rank] = failure.what();
      }
    });
  threads.clear();
  return thrown;
}

}  // namespace diffuse::testing_distributed
