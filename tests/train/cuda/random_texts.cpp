#include "tests/core/cuda/texts.cpp"
