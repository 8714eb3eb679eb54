#include "src/measure/memory_plan.h"

#include <algorithm>
#include <utility>

#include "diffuse/train/trainer.h"
#include "memory_counter.h"
#include "src/train/parameter_groups.h"

namespace diffuse {

// Peak bytes of tensors on the device during the gradients of `rows` samples, above the start.
static int64_t gradient_memory(Trainer& trainer, int64_t rows) {
  const MemoryCounter memory(trainer.device());
  trainer.try_gradients(rows);
  return memory.peak();
}

// Doubles the samples until the process grows by enough for an estimate: a fifth, or 128 MB.
static int64_t predict_resident(Trainer& trainer, int64_t probes, int64_t rows) {
  trainer.try_gradients(1);
  int64_t peak = resident_peak(), grown = 0, done = 1;
  while (2 * done <= probes && grown < std::min<int64_t>(peak / 5, 128 << 20)) {
    done *= 2;
    trainer.try_gradients(done);
    grown = resident_peak() - std::exchange(peak, resident_peak());
  }
  return done == 1 ? peak : peak + (rows - done) * grown / (done / 2);
}

int64_t predict_memory(const Config& config, std::shared_ptr<const Dataset> data,
                       c10::Device device, int64_t rows) {
  constexpr int64_t kMostProbed = 64;
  Config small = config;
  small.train.micro_batch = 0;
  small.train.batch_size = 1;
  Trainer(small, data, device).update();  // allocates Adam's moments
  small.train.batch_size = std::clamp<int64_t>(rows, 2, kMostProbed);
  Trainer trainer(small, std::move(data), device);
  if (device.is_cpu()) return predict_resident(trainer, std::min(rows, kMostProbed), rows);
  // Weights and the copies that the network computes with; of what is trained gradients, EMA, Adam's moments.
  const int64_t low = trainer.precision() == c10::kFloat ? 0 : 2;
  const int64_t kept =
      (4 + low) * parameter_count(trainer.network()) + 4 * 4 * trained_count(trainer.network());
  const int64_t one = gradient_memory(trainer, 1), two = gradient_memory(trainer, 2);
  return kept + one + (rows - 1) * (two - one);
}

}  // namespace diffuse
