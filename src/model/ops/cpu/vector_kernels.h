// Loops that are compiled for each vector width of the processor.
#pragma once

#include "product_kernel.h"
#include "winograd_kernel.h"

namespace diffuse::ops::cpu {

struct VectorKernels {
  const char* vectors;  // their name
  ProductKernel* product;
  WinogradKernels winograd;
};

// Those for vectors of `lanes` floats, 4, 8 or 16; null if the processor has none so wide.
const VectorKernels* vector_kernels(int lanes);

// Those for the widest vectors of this processor.
const VectorKernels& vector_kernels();

}  // namespace diffuse::ops::cpu
