#include "train_plan.h"

#include <iostream>

#include "common.h"
#include "diffuse/core/error.h"
#include "src/core/log.h"
#include "src/data/inspection.h"
#include "src/measure/memory_plan.h"
#include "src/train/run_warnings.h"

namespace diffuse::cli {

void print_plan(Trainer& trainer, const Dataset& data, const Dataset& held_out, int64_t memory) {
  const Config& config = trainer.config();
  std::cout << "model       " << config.model.type << ", " << parameter_count(trainer.network())
            << " parameters\n"
            << "data        " << config.data.type << ", " << data.size() << " items of "
            << c10::IntArrayRef(config.model.sample_shape) << ", " << held_out.size()
            << " held out\n"
            << "train       " << config.train.steps << " steps of " << config.train.batch_size
            << "\n"
            << "device      " << trainer.device() << "\n"
            << "memory      " << (memory >> 20) << " MB at the peak of an update of one process\n";
}

int64_t predicted_memory(const Config& config, const std::shared_ptr<const Dataset>& data,
                         c10::Device device, const World& world) {
  const int64_t share = world.share(config.train.batch_size).size();
  const int64_t micro_batch = config.train.micro_batch;
  return predict_memory(config, data, device,
                        micro_batch > 0 ? std::min(micro_batch, share) : share);
}

}  // namespace diffuse::cli
