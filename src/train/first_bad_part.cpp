// The first place of non-finite numbers in a trainer.
#include <ATen/ATen.h>

#include "diffuse/core/error.h"
#include "diffuse/train/trainer.h"
#include "parameter_updater.h"
#include "src/data/batch_loader.h"
#include "src/model/layer_watch.h"

namespace diffuse {

static bool is_finite(const at::Tensor& x) { return at::isfinite(x).all().item<bool>(); }

std::string Trainer::first_bad_part() {
  for (const auto& [name, weight] : named_parameters(*network_))
    if (!is_finite(weight)) return "the weights " + name + " are not finite";
  std::string bad;
  const Batch batch = next_batch();
  {
    const LayerWatch watch([&](const torch::nn::Module& layer, const at::Tensor& output) {
      if (!bad.empty() || is_finite(output)) return;
      for (const auto& item : network_->named_modules())
        if (item.value().get() == &layer) bad = item.key();
    });
    forward_backward(batch);
  }
  updater_->drop_gradients();
  if (!is_finite(batch.x)) return "the data are not finite";
  if (!bad.empty()) return concat("the output of the layer ", bad, " is not finite");
  return is_finite(loss_) ? "the loss is finite, but its gradients are not"
                          : "every layer's output is finite, but the loss is not";
}

}  // namespace diffuse
