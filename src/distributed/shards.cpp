#include "src/distributed/shards.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

namespace diffuse {

std::vector<int64_t> balanced_owners(const std::vector<int64_t>& sizes, int64_t ranks) {
  std::vector<size_t> order(sizes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return sizes[a] > sizes[b]; });
  std::vector<int64_t> owners(sizes.size()), loads(ranks);
  for (const size_t i : order) {
    const auto least = std::min_element(loads.begin(), loads.end());
    owners[i] = least - loads.begin();
    *least += sizes[i];
  }
  return owners;
}

Shards::Shards(World& world, std::vector<at::Tensor> parameters, bool split)
    : world_(world), parameters_(std::move(parameters)) {
  if (!split || world.size() == 1) return;
  std::vector<int64_t> sizes;
  for (const at::Tensor& parameter : parameters_) sizes.push_back(parameter.numel());
  owners_ = balanced_owners(sizes, world.size());
  by_owner_.resize(world.size());
  for (size_t i = 0; i < parameters_.size(); ++i) by_owner_[owners_[i]].push_back(parameters_[i]);
}

const std::vector<at::Tensor>& Shards::own() const {
  return by_owner_.empty() ? parameters_ : by_owner_[world_.rank()];
}

void Shards::share_parameters() const {
  for (size_t owner = 0; owner < by_owner_.size(); ++owner)
    world_.broadcast(by_owner_[owner], static_cast<int64_t>(owner));
}

std::vector<at::Tensor> Shards::spread(const std::vector<at::Tensor>& own) const {
  if (owners_.empty()) return own;
  std::vector<at::Tensor> all;
  auto next = own.begin();
  for (size_t i = 0; i < owners_.size(); ++i)
    all.push_back(owners_[i] == world_.rank() ? *next++
                                              : at::empty_like(parameters_[i], at::kMeta));
  return all;
}

std::vector<at::Tensor> Shards::gather(const std::vector<at::Tensor>& own) const {
  std::vector<at::Tensor> all = spread(own);
  for (size_t i = 0; i < owners_.size(); ++i) {
    if (owners_[i] == 0) continue;
    const at::Tensor values = all[i].is_meta() ? at::empty_like(parameters_[i]) : all[i];
    world_.broadcast({values}, owners_[i]);
    if (world_.is_first()) all[i] = values.to(at::kCPU);
  }
  return all;
}

}  // namespace diffuse
