#include "generate_together.h"

#include <ATen/ATen.h>

#include "diffuse/data/normalization.h"

namespace diffuse::cli {

at::Tensor generate_together(World& world, Network& network, const GaussianDiffusion& diffusion,
                             const DataConfig& data, std::span<const StreamKey> keys,
                             GenerateOptions options, const StepCallback& on_step) {
  const auto count = static_cast<int64_t>(keys.size());
  const Share own = world.share(count);
  std::vector<int64_t> none = options.shape;
  none.insert(none.begin(), 0);
  at::Tensor x = at::empty(none);
  if (own.size() > 0) {
    for (at::Tensor* const rows : {&options.labels, &options.start})
      if (rows->defined()) *rows = rows->slice(0, own.begin, own.end);
    x = generate(network, diffusion, keys.subspan(own.begin, own.size()), options,
                 [&](const SampleStep& step) {
                   world.progress();
                   if (on_step) on_step(step);
                 })
            .to(at::kCPU);
  }
  return world.gather_rows(to_data_units(x, data), count);
}

}  // namespace diffuse::cli
