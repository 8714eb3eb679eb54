#include "src/train/sample_grid.h"

#include "diffuse/core/error.h"
#include "src/core/log.h"
#include "src/model_file/generate_together.h"

namespace diffuse {

namespace {

// Thrown from a grid of samples when the run has to end.
struct GridStopped {};

}  // namespace

at::Tensor draw_sample_grid(Trainer& trainer, const std::function<bool()>& stop) {
  const Config& config = trainer.config();
  const Model model = trainer.model();
  GenerateOptions options = model.options(config.sample);
  options.labels = round_robin_labels(config.sample.grid, config.model.classes);
  options.precision = trainer.precision();
  const bool all_draw = config.sample.grid >= trainer.world().size();
  const auto keys = consecutive_keys(config.seed, 0, config.sample.grid);
  at::Tensor x;
  trainer.with_averages([&] {
    try {
      x = generate_together(trainer.world(), model, keys, options, [&](const SampleStep&) {
        if (all_draw && stop()) throw GridStopped();
      });
    } catch (const GridStopped&) {
      log_info(concat("step ", trainer.step(), ": no samples, as the run has to end"));
    }
  });
  return x;
}

}  // namespace diffuse
