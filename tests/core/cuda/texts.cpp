// The core room's kernels as C++.
#define STORAGE 0
#include "tests/core/cuda/shim.h"
#include "tests/core/cuda/shim_launcher.h"

namespace diffuse::shim {
namespace {

#include "src/core/cuda/kernels/random.cuh"

const Registration random_kernels("src/core/cuda/kernels/random.cuh", c10::kFloat,
                                  {{"fill_normals", wrap(fill_normals, Barriers::kNone)}});

}  // namespace
}  // namespace diffuse::shim
