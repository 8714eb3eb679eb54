#include "kept_weight.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

#include "src/model/weight_cache.h"

namespace diffuse::ops {

at::Tensor kept_weight(const at::Tensor& weight) {
  WeightCache* const cache = WeightCacheScope::current();
  const at::DeviceType device = weight.device().type();
  if (cache == nullptr || !at::autocast::is_autocast_enabled(device)) return weight;
  at::Tensor& kept = (*cache)[weight.const_data_ptr()];
  if (!kept.defined()) kept = weight.to(at::autocast::get_autocast_dtype(device));
  return kept;
}

}  // namespace diffuse::ops
