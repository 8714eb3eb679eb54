#define STORAGE 0
#define TEXTS "tests/train/cuda/texts.inc"
#include "tests/core/cuda/texts_of_storage.inc"
