// How a program's memory is kept. For programs, not for libraries: it holds for the whole process.
#pragma once

namespace diffuse {

// Makes the heap fit for training on the CPU, where tensors of megabytes come and go in every step and have
// the same sizes each time. Freed memory is kept, not given back and asked for anew, and LibTorch's tensors
// take whole freed blocks again. To be called before the first tensor is made.
void use_training_heap();

}  // namespace diffuse
