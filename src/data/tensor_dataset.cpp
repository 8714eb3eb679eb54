#include "tensor_dataset.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <utility>

#include "sources.h"

namespace diffuse {
namespace {

class TensorDataset : public Dataset {
 public:
  TensorDataset(at::Tensor items, SampleKind kind, std::vector<int64_t> labels,
                std::vector<std::string> class_names)
      : items_(std::move(items)),
        kind_(kind),
        labels_(std::move(labels)),
        class_names_(std::move(class_names)) {}

  int64_t size() const override { return items_.size(0); }
  std::vector<int64_t> sample_shape() const override { return items_.sizes().slice(1).vec(); }
  SampleKind sample_kind() const override { return kind_; }
  std::vector<std::string> class_names() const override { return class_names_; }

  int64_t label(int64_t index) const override {
    TORCH_CHECK(0 <= index && index < size(), "item ", index, " of ", size());
    return class_names_.empty() ? -1 : labels_[index];
  }

  at::Tensor bytes() const override {
    return items_.scalar_type() == at::kByte ? items_ : at::Tensor();
  }

  at::Tensor gather(std::span<const int64_t> indices) const override {
    std::vector<int64_t> shape = sample_shape();
    shape.insert(shape.begin(), static_cast<int64_t>(indices.size()));
    at::Tensor batch = at::empty(shape, at::kFloat);
    const int64_t stride = items_.stride(0);
    float* out = batch.mutable_data_ptr<float>();
    for (const int64_t i : indices) {
      TORCH_CHECK(0 <= i && i < size(), "item ", i, " of ", size());
      if (items_.scalar_type() == at::kByte)
        to_unit_range({items_.const_data_ptr<uint8_t>() + i * stride, static_cast<size_t>(stride)},
                      out);
      else
        std::copy_n(items_.const_data_ptr<float>() + i * stride, stride, out);
      out += stride;
    }
    return batch;
  }

 private:
  at::Tensor items_;
  SampleKind kind_;
  std::vector<int64_t> labels_;
  std::vector<std::string> class_names_;
};

}  // namespace

std::shared_ptr<const Dataset> make_tensor_dataset(at::Tensor items, SampleKind kind,
                                                   std::vector<int64_t> labels,
                                                   std::vector<std::string> class_names) {
  return std::make_shared<TensorDataset>(std::move(items), kind, std::move(labels),
                                         std::move(class_names));
}

std::shared_ptr<const Dataset> make_image_dataset(ImageSet set) {
  const int64_t count = set.size();
  auto owner = std::make_shared<std::vector<uint8_t>>(std::move(set.pixels));
  at::Tensor items = at::from_blob(
      owner->data(), {count, set.channels, set.height, set.width}, [owner](void*) {}, at::kByte);
  return make_tensor_dataset(std::move(items), SampleKind::kImage, std::move(set.labels),
                             std::move(set.class_names));
}

}  // namespace diffuse
