#define STORAGE 0
#define TEXTS "tests/data/cuda/texts.inc"
#include "tests/core/cuda/texts_of_storage.inc"
