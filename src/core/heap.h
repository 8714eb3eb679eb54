// Settings of the heap. For programs, not for libraries: they affect the whole process.
#pragma once

namespace diffuse {

// Tunes the heap for training on the CPU, which allocates and frees tensors of megabytes, of the same
// sizes, in every step. The process keeps freed memory, and LibTorch's tensors reuse freed blocks. Call it
// before the first tensor is made.
void use_training_heap();

}  // namespace diffuse
