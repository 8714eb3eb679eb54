// The thread-local state of the scopes.
#include <utility>

#include "src/core/cuda/kernel_launcher.h"
#include "src/core/cuda/random.h"
#include "src/model/compute_scope.h"
#include "src/model/dropout_scope.h"
#include "src/model/layer_watch.h"
#include "src/model/weight_cache.h"

namespace diffuse {

static thread_local c10::ScalarType compute_type = c10::kFloat;

ComputeScope::ComputeScope(c10::ScalarType type) : outer_(std::exchange(compute_type, type)) {}
ComputeScope::~ComputeScope() { compute_type = outer_; }
c10::ScalarType ComputeScope::type() { return compute_type; }

c10::ScalarType ComputeScope::type_for(const at::Tensor& x) {
  return x.scalar_type() == c10::kFloat ? compute_type : x.scalar_type();
}

bool computes_in_scope(c10::Device device) {
  constexpr const char* kNorm = "src/model/ops/cuda/kernels/group_norm.cuh";
  return !device.is_cpu() || cuda::kernels_for(device, c10::kFloat, kNorm) != nullptr;
}

PrecisionScope::PrecisionScope(c10::Device device, c10::ScalarType type)
    : compute_(computes_in_scope(device) ? type : c10::kFloat) {
  if (!computes_in_scope(device)) autocast_.emplace(device, type);
}

static thread_local DropoutScope::Keys dropout_keys;
static thread_local at::Tensor dropout_rows;

DropoutScope::DropoutScope(Keys keys, at::Tensor rows)
    : outer_(std::exchange(dropout_keys, std::move(keys))),
      outer_rows_(std::exchange(dropout_rows, std::move(rows))) {}

DropoutScope::~DropoutScope() {
  dropout_keys = std::move(outer_);
  dropout_rows = std::move(outer_rows_);
}

DropoutScope::Keys DropoutScope::current() { return dropout_keys; }

at::Tensor DropoutScope::rows_on(c10::Device device) {
  if (!dropout_rows.defined() && dropout_keys)
    dropout_rows = cuda::key_rows(*dropout_keys).to(device);
  return dropout_rows;
}

static thread_local WeightCache* weight_cache = nullptr;

WeightCacheScope::WeightCacheScope(WeightCache& cache)
    : outer_(std::exchange(weight_cache, &cache)) {}
WeightCacheScope::~WeightCacheScope() { weight_cache = outer_; }
WeightCache* WeightCacheScope::current() { return weight_cache; }

static thread_local const LayerWatch::See* watcher = nullptr;

LayerWatch::LayerWatch(See see) : see_(std::move(see)) { watcher = &see_; }
LayerWatch::~LayerWatch() { watcher = nullptr; }

bool LayerWatch::active() { return watcher != nullptr; }

at::Tensor LayerWatch::watched(const torch::nn::Module& layer, at::Tensor output) {
  if (watcher != nullptr) (*watcher)(layer, output);
  return output;
}

}  // namespace diffuse
