// LibTorch's current stream for the driver's functions.
#pragma once

#include <c10/core/Device.h>

namespace diffuse::cuda {

// The CUstream (= cudaStream_t) that LibTorch queues work of this thread on. By c10 alone, without
// libtorch_cuda's headers; throws c10::Error where LibTorch's CUDA library is not loaded, or is of a version that
// does not tell.
void* current_stream(c10::Device device);

}  // namespace diffuse::cuda
