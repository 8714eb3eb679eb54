#include "src/model_file/generate_together.h"

#include <ATen/ops/empty.h>

namespace diffuse {

at::Tensor generate_together(World& world, const Model& model, std::span<const StreamKey> keys,
                             GenerateOptions options, const StepCallback& on_step) {
  const auto count = static_cast<int64_t>(keys.size());
  const Share own = world.share(count);
  std::vector<int64_t> none = model.sample_shape();
  none.insert(none.begin(), 0);
  at::Tensor x = at::empty(none);
  if (own.size() > 0) {
    for (at::Tensor* const rows : {&options.labels, &options.condition, &options.start})
      if (rows->defined()) *rows = rows->slice(0, own.begin, own.end);
    x = model.sample(keys.subspan(own.begin, own.size()), options, [&](const SampleStep& step) {
      world.progress();
      if (on_step) on_step(step);
    });
  }
  return world.gather_rows(x, count);
}

}  // namespace diffuse
