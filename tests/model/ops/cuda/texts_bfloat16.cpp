#define STORAGE 1
#include "tests/core/cuda/shim.h"
#include "tests/core/cuda/shim_launcher.h"

namespace diffuse::shim {
namespace {

constexpr c10::ScalarType kStorage = c10::kBFloat16;

#include "tests/model/ops/cuda/texts.inc"

}  // namespace
}  // namespace diffuse::shim
