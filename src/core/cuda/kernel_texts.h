// The texts of the GPU kernels, embedded when the library is built.
#pragma once

#include <span>
#include <string>

namespace diffuse::cuda {

struct KernelText {
  const char *name,
      *text;  // its file below the project's folder, by which texts include one another
};

std::span<const KernelText> kernel_texts();

}  // namespace diffuse::cuda
