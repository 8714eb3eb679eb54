// LibTorch's CUDA operators, computed by its CPU operators in the memory of the emulated card: a stream that
// records keeps what they would do.
#pragma once

#include <cuda_runtime_api.h>

namespace diffuse::emulated {

// LibTorch's, of this thread.
cudaStream_t current_stream();

// Replaces the CUDA operators of this process; once LibTorch's CUDA library is loaded.
void compute_operators_on_the_host();

}  // namespace diffuse::emulated
