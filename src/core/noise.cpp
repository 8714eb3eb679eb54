#include "noise.h"

#include "src/core/cuda/random.h"
#include "src/core/device.h"

namespace diffuse {

at::Tensor noise_rows(std::span<const StreamKey> keys, Purpose purpose, uint32_t step,
                      const std::vector<int64_t>& shape, c10::Device device) {
  if (!cuda::draws_random(device)) return sent_to(normal_rows(keys, purpose, step, shape), device);
  return cuda::normal_rows(sent_to(cuda::key_rows(keys), device), purpose, {.fixed = step}, shape);
}

}  // namespace diffuse
