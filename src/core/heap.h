// The machine's memory, and settings of the heap.
#pragma once

#include <cstdint>

namespace diffuse {

// Bytes of memory that the machine has, in use or not.
int64_t machine_memory();

// For programs, not for libraries: it affects the whole process.
// Tunes the heap for training on the CPU, which allocates and frees tensors of megabytes, of the same
// sizes, in every step. The process keeps freed memory, and LibTorch's tensors reuse freed blocks. Call it
// before the first tensor is made.
void use_training_heap();

}  // namespace diffuse
