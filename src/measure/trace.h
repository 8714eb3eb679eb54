// A timeline of LibTorch's operators.
#pragma once

#include <c10/core/Device.h>

#include <filesystem>
#include <functional>
#include <memory>

namespace torch::autograd::profiler {
struct ProfilerResult;
}

namespace diffuse {

// Runs work() and returns its operators and kernels, with sizes.
std::unique_ptr<torch::autograd::profiler::ProfilerResult> profiled(
    c10::Device device, const std::function<void()>& work);

// Runs work() and writes its operators and kernels, with sizes, as a trace for Perfetto and Chrome. Throws
// Error if the file cannot be written.
void trace_work(const std::filesystem::path& file, c10::Device device,
                const std::function<void()>& work);

}  // namespace diffuse
