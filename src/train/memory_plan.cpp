#include "diffuse/train/memory_plan.h"

#include <sys/resource.h>

#include <utility>

#include "diffuse/train/trainer.h"

namespace diffuse {

// The most that this process has had, in bytes.
static int64_t resident_peak() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

int64_t predict_memory(const Config& config, std::shared_ptr<const Dataset> data,
                       c10::Device device, int64_t rows) {
  constexpr int64_t kProbe = 2;
  Config small = config;
  small.train.batch_size = kProbe;
  small.train.micro_batch = 0;
  Trainer trainer(small, std::move(data), device);
  trainer.update();
  const int64_t one = trainer.gradient_memory(1), two = trainer.gradient_memory(kProbe);
  const int64_t more = (rows - kProbe) * (two - one);
  if (device.is_cpu()) return resident_peak() + more;
  const int64_t kept = 4 * 4 * parameter_count(trainer.network());  // weights, EMA, Adam's moments
  return kept + two + more;
}

}  // namespace diffuse
