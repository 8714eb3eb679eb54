// Features of the processor that select kernels.
#pragma once

namespace diffuse::ops::cpu {

// It has AVX-512, but LibTorch's MKL uses only AVX2, as on all but Intel's processors.
bool mkl_leaves_avx512_unused();

// It has AMX; without, matrix products in bfloat16 are slower than in float32.
bool multiplies_bf16_matrices();

}  // namespace diffuse::ops::cpu
