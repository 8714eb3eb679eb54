// How long a step takes, beside what the device can do.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "diffuse/config/config.h"

namespace diffuse {

struct StepBenchmark {
  double train_step_ms = 0;                // one optimiser update of a whole batch, data in memory
  std::map<std::string, double> phase_ms;  // of its parts: data, forward, backward, optimizer
  double sample_step_ms = 0;               // one reverse step of as many samples
  double images_per_s = 0;                 // of training
  double train_gflop = 0;          // multiplications and additions of an update's products, in 1e9
  double achieved_gflops = 0;      // train_gflop a second
  double gemm_gflops = 0;          // of a large matrix product in the same number format
  int64_t train_memory_bytes = 0;  // peak_memory_bytes before the first sampling step
  int64_t peak_memory_bytes = 0;   // of the process on the CPU, of LibTorch's allocator on a GPU
};

// Measures a config whose model.sample_shape is filled in, on random data. Repeats each step until
// `seconds` have passed, three times at least.
StepBenchmark benchmark_steps(const Config& config, c10::Device device, double seconds);

// Writes a timeline of a training and two sampling steps of such a config to `file`, for Perfetto.
void trace_steps(const Config& config, c10::Device device, const std::filesystem::path& file);

}  // namespace diffuse
