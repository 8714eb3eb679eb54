#include "tests/model/ops/cuda/texts_float.cpp"
