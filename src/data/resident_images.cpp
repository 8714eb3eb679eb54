#include "src/data/resident_images.h"

#include <ATen/ATen.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <array>
#include <numeric>

#include "cuda/gather_images.h"
#include "image_set.h"
#include "src/core/cuda/random.h"
#include "src/core/device.h"

namespace diffuse {

static at::Tensor values_of_bytes() {
  std::array<uint8_t, 256> bytes{};
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  at::Tensor values = at::empty({256}, at::kFloat);
  to_unit_range(bytes, values.mutable_data_ptr<float>());
  return values;
}

ResidentImages::ResidentImages(const at::Tensor& images, c10::Device device)
    : images_(images.to(device)), values_(values_of_bytes().to(device)) {}

static int64_t free_memory(c10::Device device) {
  const auto [free, total] = c10::getDeviceAllocator(device.type())->getMemoryInfo(device.index());
  return static_cast<int64_t>(free);
}

std::unique_ptr<ResidentImages> ResidentImages::of(const Dataset& data, c10::Device device) {
  const at::Tensor images = data.bytes();
  if (device.is_cpu() || !images.defined() || images.dim() != 4) return nullptr;
  if (images.numel() > free_memory(device) / 4) return nullptr;
  return std::make_unique<ResidentImages>(images, device);
}

// bool [B], or undefined where none is.
static at::Tensor mirrored_rows(const std::vector<StreamKey>& keys) {
  if (keys.empty()) return {};
  const at::Tensor mirrored = at::empty({std::ssize(keys)}, at::kBool);
  for (size_t i = 0; i < keys.size(); ++i) mirrored.mutable_data_ptr<bool>()[i] = mirrors(keys[i]);
  return mirrored;
}

// The values come from a table: a GPU divides by 127.5 with another rounding.
at::Tensor ResidentImages::by_operators(const Batch& batch) const {
  const c10::Device device = images_.device();
  const at::Tensor bytes = images_.index_select(0, sent_to(batch.items, device));
  const at::Tensor x = values_.index_select(0, bytes.flatten().to(at::kInt)).view(bytes.sizes());
  const at::Tensor mirrored = sent_to(mirrored_rows(batch.mirror), device);
  return mirrored.defined() ? at::where(mirrored.view({-1, 1, 1, 1}), x.flip(3), x) : x;
}

at::Tensor ResidentImages::gather(const Batch& batch) const {
  const c10::Device device = images_.device();
  if (!cuda::gathers_images(device, at::kFloat)) return by_operators(batch);
  const at::Tensor keys =
      batch.mirror.empty() ? at::Tensor() : sent_to(cuda::key_rows(batch.mirror), device);
  return cuda::gather_images(images_, sent_to(batch.items, device), keys, at::kFloat,
                             at::MemoryFormat::Contiguous);
}

}  // namespace diffuse
