#include "trace.h"

#include <torch/csrc/autograd/profiler_kineto.h>

#include <cstdlib>

#include "src/files/atomic_write.h"

namespace diffuse {

namespace profiler = torch::autograd::profiler;

std::unique_ptr<profiler::ProfilerResult> profiled(c10::Device device,
                                                   const std::function<void()>& work) {
  using torch::profiler::impl::ActivityType;
  std::set<ActivityType> activities{ActivityType::CPU};
  if (device.is_cuda()) activities.insert(ActivityType::CUDA);
  const torch::profiler::impl::ProfilerConfig config(torch::profiler::impl::ProfilerState::KINETO,
                                                     /*report_input_shapes=*/true);
  setenv("KINETO_LOG_LEVEL", "99", /*replace=*/0);  // it reports a missing GPU as an error
  profiler::prepareProfiler(config, activities);
  profiler::enableProfiler(config, activities);
  work();
  return profiler::disableProfiler();
}

void trace_work(const std::filesystem::path& file, c10::Device device,
                const std::function<void()>& work) {
  const auto result = profiled(device, work);
  atomic_write(file, [&](const std::filesystem::path& part) { result->save(part.string()); });
}

}  // namespace diffuse
