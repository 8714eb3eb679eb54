// A timeline of what LibTorch does.
#pragma once

#include <c10/core/Device.h>

#include <filesystem>
#include <functional>

namespace diffuse {

// Runs work() and writes each operator and kernel it took, with sizes, as a trace that Perfetto and
// Chrome open. Throws Error where the file cannot be written.
void trace_work(const std::filesystem::path& file, c10::Device device,
                const std::function<void()>& work);

}  // namespace diffuse
