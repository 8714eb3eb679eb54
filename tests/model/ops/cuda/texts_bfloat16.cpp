#define STORAGE 1
#define TEXTS "tests/model/ops/cuda/texts.inc"
#include "tests/core/cuda/texts_of_storage.inc"
