#include "tests/model/ops/cuda/texts_bfloat16.cpp"
