#include "noise.h"

#include "src/core/device.h"

namespace diffuse::ops {

at::Tensor noise_rows(std::span<const StreamKey> keys, Purpose purpose, uint32_t step,
                      const std::vector<int64_t>& shape, c10::Device device) {
  return sent_to(normal_rows(keys, purpose, step, shape), device);
}

}  // namespace diffuse::ops
