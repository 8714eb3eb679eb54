#include "train_plan.h"

#include <iostream>

#include "common.h"
#include "diffuse/core/error.h"
#include "diffuse/core/log.h"
#include "diffuse/data/inspection.h"
#include "diffuse/measure/memory_plan.h"
#include "diffuse/train/run_warnings.h"

namespace diffuse::cli {

void warn_of_run(Trainer& trainer, const Dataset& held_out) {
  warn_of_prior(trainer.diffusion().schedule());
  for (const std::string& warning : run_warnings(trainer.config(), held_out.size()))
    log_warning(warning);
}

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

// The first of many.
static std::string first_of(std::vector<std::string> names) {
  constexpr size_t kNamed = 20;
  const bool more = names.size() > kNamed;
  names.resize(std::min(names.size(), kNamed));
  return join(names) + (more ? ", ..." : "");
}

void log_classes(const Dataset& data, bool warns) {
  std::vector<std::string> named, empty;
  for (const auto& [name, count] : count_classes(data)) {
    named.push_back(concat(printable(name), " ", count));
    if (count == 0) empty.push_back(printable(name));
  }
  if (!named.empty()) log_info(concat("classes ", named.size(), ": ", first_of(named)));
  if (warns && !empty.empty())
    log_warning(concat("no item to train on in ", empty.size(), " of ", named.size(),
                       " classes: ", first_of(empty)));
}

int64_t predicted_memory(const Config& config, const std::shared_ptr<const Dataset>& data,
                         c10::Device device, const World& world) {
  const int64_t share = world.share(config.train.batch_size).size();
  const int64_t micro_batch = config.train.micro_batch;
  return predict_memory(config, data, device,
                        micro_batch > 0 ? std::min(micro_batch, share) : share);
}

}  // namespace diffuse::cli
