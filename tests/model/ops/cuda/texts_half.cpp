#define STORAGE 2
#include "tests/core/cuda/shim.h"
#include "tests/core/cuda/shim_launcher.h"

namespace diffuse::shim {
namespace {

constexpr c10::ScalarType kStorage = c10::kHalf;

#include "tests/model/ops/cuda/texts.inc"

}  // namespace
}  // namespace diffuse::shim
