// Data sets of given items.
#pragma once

#include <ATen/ATen.h>

#include "diffuse/data/dataset.h"

namespace diffuse {

class FixedItems : public Dataset {
 public:
  explicit FixedItems(at::Tensor items, SampleKind kind = SampleKind::kPoint)
      : items_(std::move(items)), kind_(kind) {}

  int64_t size() const override { return items_.size(0); }
  std::vector<int64_t> sample_shape() const override { return items_.sizes().slice(1).vec(); }
  SampleKind sample_kind() const override { return kind_; }
  int64_t label(int64_t) const override { return -1; }
  at::Tensor gather(std::span<const int64_t> indices) const override {
    const std::vector<int64_t> rows(indices.begin(), indices.end());
    return items_.index_select(0, at::tensor(rows, at::kLong));
  }

 private:
  at::Tensor items_;
  SampleKind kind_;
};

// n items of D values: half sigma, half -sigma, so that their mean square is sigma^2 exactly.
inline FixedItems two_valued(int64_t n, int64_t D, double sigma) {
  const at::Tensor values = at::ones({n, D});
  values.slice(1, 0, D / 2).fill_(-1);
  return FixedItems(values * sigma);
}

}  // namespace diffuse
