// Time of a step, and throughput compared with the device's.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "diffuse/config/config.h"
#include "kernel_shares.h"

namespace diffuse {

struct StepBenchmark {
  double train_step_ms = 0;  // one optimiser update of a whole batch, data in memory
  // Of its parts: data, forward, backward, optimizer; of recorded steps, the host's: data, pass, optimizer.
  std::map<std::string, double> phase_ms;
  KernelShares kernels;            // of a GPU, in an update
  double sample_step_ms = 0;       // one reverse step of a batch of the same size
  double images_per_s = 0;         // of training
  double train_gflop = 0;          // FLOPs of an update's matrix products and convolutions, in 1e9
  double achieved_gflops = 0;      // train_gflop per second
  double gemm_gflops = 0;          // throughput of a large GEMM in the same number format
  int64_t train_memory_bytes = 0;  // peak_memory_bytes before the first sampling step
  int64_t peak_memory_bytes = 0;   // of the process on the CPU, of LibTorch's allocator on a GPU
};

// Measures a config with model.sample_shape filled in, on random data. Repeats each step for `seconds`, at
// least three times.
StepBenchmark benchmark_steps(const Config& config, c10::Device device, double seconds);

// Writes a timeline of a training and two sampling steps of such a config to `file`, for Perfetto.
void trace_steps(const Config& config, c10::Device device, const std::filesystem::path& file);

// For programs and for people.
nlohmann::ordered_json json_of(const StepBenchmark& benchmark);
std::string text_of(const StepBenchmark& benchmark, const Config& config, c10::Device device);

}  // namespace diffuse
