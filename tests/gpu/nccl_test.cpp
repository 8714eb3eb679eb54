#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include "src/distributed/world_parts.h"
#include "tests/gpu/gpu.h"

namespace diffuse {
namespace {

class Nccl : public OnGpu {};

TEST_F(Nccl, OneProcessSumsToItself) {
  const auto store = c10::make_intrusive<c10d::HashStore>();
  c10::intrusive_ptr<c10d::Backend> nccl;
  try {
    nccl = make_nccl(store, {.rank = 0, .size = 1}, std::chrono::seconds(30));
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  std::vector<at::Tensor> x{at::arange(5, at::device(gpu()).dtype(at::kFloat))};
  nccl->allreduce(x)->wait();
  EXPECT_TRUE(at::equal(x[0].cpu(), at::arange(5, at::kFloat)));
}

}  // namespace
}  // namespace diffuse
