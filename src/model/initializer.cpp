#include "initializer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <vector>

#include "diffuse/core/random.h"

namespace diffuse {

at::Tensor Initializer::variance_scaling(at::IntArrayRef shape, double scale,
                                         at::MemoryFormat format) {
  at::Tensor values = at::empty(shape, at::TensorOptions(device_).memory_format(format));
  if (values.is_meta()) return values;
  const int64_t rows = shape[0], in = shape[1];
  const int64_t receptive = values[0][0].numel();  // kernel positions; 1 for a matrix
  const double mean_fan = static_cast<double>((rows + in) * receptive) / 2;
  const double bound = std::sqrt(3 * scale / mean_fan);

  const RandomStream stream(seed_, Purpose::kInit, drawn_++);
  const int64_t row_stride = values.stride(0), in_stride = values.stride(1);
  const int64_t position_stride = values.stride(-1);
  float* const out = values.data_ptr<float>();
  at::parallel_for(0, rows, (1 << 14) / (in * receptive) + 1, [&](int64_t begin, int64_t end) {
    RandomStream part = stream;
    part.seek(begin * in * receptive);
    std::vector<uint32_t> words(static_cast<size_t>(in * receptive));
    for (int64_t row = begin; row < end; ++row) {
      part.fill(words);
      const uint32_t* word = words.data();
      for (int64_t i = 0; i < in; ++i)
        for (int64_t position = 0; position < receptive; ++position) {
          const double u = (*word++ + 0.5) * 0x1p-32;  // (0, 1)
          out[row * row_stride + i * in_stride + position * position_stride] =
              static_cast<float>((2 * u - 1) * bound);
        }
    }
  });
  return values;
}

at::Tensor Initializer::normal(at::IntArrayRef shape) {
  at::Tensor values = at::empty(shape, device_);
  if (values.is_meta()) return values;
  RandomStream stream(seed_, Purpose::kInit, drawn_++);
  stream.fill_normal({values.data_ptr<float>(), static_cast<size_t>(values.numel())});
  return values;
}

at::Tensor Initializer::full(int64_t size, double value) const {
  return at::full({size}, value, at::TensorOptions(device_).dtype(at::kFloat));
}

}  // namespace diffuse
