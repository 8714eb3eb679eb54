#include "gather_images.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "src/core/cuda/kernel_launcher.h"

namespace diffuse::cuda {

static constexpr const char* kGatherText = "src/data/cuda/kernels/gather_images.cuh";

bool gathers_images(c10::Device device, c10::ScalarType type) {
  return kernels_for(device, type, kGatherText) != nullptr;
}

at::Tensor gather_images(const at::Tensor& pixels, const at::Tensor& items, const at::Tensor& keys,
                         c10::ScalarType type, c10::MemoryFormat format) {
  constexpr int64_t kBlock = 256;
  const long long rows = items.size(0), channels = pixels.size(1), height = pixels.size(2),
                  width = pixels.size(3), area = height * width;
  const at::Tensor out =
      at::empty({rows, channels, height, width}, pixels.options().dtype(type), format);
  if (out.numel() == 0) return out;
  const bool last = format == c10::MemoryFormat::ChannelsLast;
  const at::Tensor chosen = items.contiguous(),
                   mirrors = keys.defined() ? keys.contiguous() : at::Tensor();
  for (int64_t first = 0; first < rows; first += kMostRows) {
    const int64_t count = std::min<int64_t>(kMostRows, rows - first);
    const auto part = [&](const at::Tensor& all) { return all.narrow(0, first, count); };
    launch(*kernels_for(pixels.device(), type, kGatherText), {kGatherText, type},
           {"gather_images", {(area + kBlock - 1) / kBlock, count}, kBlock}, pixels.device(),
           pixels.const_data_ptr(), part(chosen).const_data_ptr(),
           mirrors.defined() ? part(mirrors).const_data_ptr() : nullptr, channels, height, width,
           last ? 1ll : area, last ? channels : 1ll, part(out).mutable_data_ptr());
  }
  return out;
}

}  // namespace diffuse::cuda
