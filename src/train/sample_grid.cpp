#include "src/train/sample_grid.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "diffuse/core/error.h"
#include "src/core/log.h"
#include "src/data/condition.h"
#include "src/data/spaced_items.h"
#include "src/model_file/generate_together.h"
#include "src/model_file/sample_picture.h"

namespace diffuse {

namespace {

// Thrown from a grid of samples when the run has to end.
struct GridStopped {};

}  // namespace

// Conditions and classes of items are each given to so many of the samples.
static constexpr int64_t kSamplesOfCondition = 7;

SampleGrid draw_sample_grid(Trainer& trainer, const Dataset& held_out,
                            const std::function<bool()>& stop) {
  const Config& config = trainer.config();
  const Model model = trainer.model();
  GenerateOptions options = model.options(config.sample);
  int64_t count = config.sample.grid;
  options.labels = round_robin_labels(count, config.model.classes);
  SampleGrid grid;
  if (config.condition.is_on()) {
    const Dataset& set = held_out.size() > 0 ? held_out : trainer.data();
    const int64_t rows_of_grid = std::max<int64_t>(1, count / kSamplesOfCondition);
    const std::vector<int64_t> items = spaced_items(set.size(), rows_of_grid, 0, rows_of_grid);
    const at::Tensor rows = condition_of_items(config.condition, set, items, config.seed);
    const int64_t each = count / rows.size(0);
    options.condition = rows.repeat_interleave(each, 0);
    if (config.model.classes > 0)
      options.labels = labels_of_items(set, items).repeat_interleave(each, 0);
    count = options.condition.size(0);
    const at::Tensor shown =
        shown_condition(config.condition, rows, config.model.sample_shape.at(0));
    if (shown.defined()) grid.conditions = model.to_data(shown);
  }
  options.precision = trainer.precision();
  const bool all_draw = count >= trainer.world().size();
  const auto keys = consecutive_keys(config.seed, 0, count);
  trainer.with_averages([&] {
    try {
      grid.x = generate_together(trainer.world(), model, keys, options, [&](const SampleStep&) {
        if (all_draw && stop()) throw GridStopped();
      });
    } catch (const GridStopped&) {
      log_info(concat("step ", trainer.step(), ": no samples, as the run has to end"));
    }
  });
  return grid;
}

Image picture_of(const SampleGrid& grid, const Config& config) {
  const SampleKind kind = sample_kind(config.model);
  return grid.conditions.defined() ? picture_of_rows(grid.conditions, grid.x, kind, config.data)
                                   : picture_of(grid.x, kind, config.data);
}

}  // namespace diffuse
