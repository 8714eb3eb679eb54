// What the processor can do that decides between two ways of computing.
#pragma once

namespace diffuse::ops::cpu {

// It has AVX-512, and LibTorch's MKL uses AVX2 alone, as on all processors but Intel's.
bool mkl_leaves_avx512_unused();

// It multiplies matrices of bfloat16 (AMX). Without, products in bfloat16 are slower than in float32.
bool multiplies_bf16_matrices();

}  // namespace diffuse::ops::cpu
