#include "src/model/unet_blocks.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

namespace diffuse {
namespace {

class JoinedBlock : public testing::Test {
 protected:
  static ModelConfig config() {
    ModelConfig config;
    config.norm_groups = 8;
    config.dropout = 0;
    return config;
  }

  Initializer init_{1};
  ResnetBlock block_{init_, config(), 96, 64, 16};
  at::Tensor x_ =
      at::randn({2, 64, 8, 8}).contiguous(at::MemoryFormat::ChannelsLast).requires_grad_();
  at::Tensor skip_ =
      at::randn({2, 32, 8, 8}).contiguous(at::MemoryFormat::ChannelsLast).requires_grad_();
  at::Tensor time_ = at::randn({2, 16});

  // The output, and the gradients of the inputs and parameters.
  std::vector<at::Tensor> results(bool joined) {
    for (at::Tensor& tensor : leaves()) tensor.mutable_grad() = at::Tensor();
    const at::Tensor out =
        joined ? block_.forward(at::cat({x_, skip_}, 1), time_) : block_.forward(x_, time_, skip_);
    out.square().sum().backward();
    std::vector<at::Tensor> found{out.detach()};
    for (const at::Tensor& tensor : leaves()) found.push_back(tensor.grad());
    return found;
  }

 private:
  std::vector<at::Tensor> leaves() const {
    std::vector<at::Tensor> all = block_.parameters();
    all.insert(all.end(), {x_, skip_});
    return all;
  }
};

TEST_F(JoinedBlock, ReadsASkipConnectionAsIfConcatenated) {
  const auto apart = results(false), joined = results(true);
  ASSERT_EQ(apart.size(), joined.size());
  for (size_t i = 0; i < apart.size(); ++i)
    EXPECT_LT((apart[i] - joined[i]).abs().max().item<double>(),
              1e-5 * joined[i].abs().max().item<double>())
        << i;
}

TEST_F(JoinedBlock, GivesTheSameWithoutGradients) {
  const at::Tensor wanted = block_.forward(x_, time_, skip_).detach();
  const at::NoGradGuard guard;
  const at::Tensor before = x_.clone();
  EXPECT_LT((block_.forward(x_, time_, skip_) - wanted).abs().max().item<double>(), 1e-5);
  EXPECT_TRUE(x_.equal(before));
}

// In bfloat16 the two ways round differently: to 2 of its 8 digits.
TEST_F(JoinedBlock, WorksInBfloat16) {
  const at::Tensor wanted = block_.forward(x_, time_, skip_).detach();
  const at::NoGradGuard guard;
  block_.to(at::kBFloat16);
  const at::Tensor found =
      block_.forward(x_.to(at::kBFloat16), time_.to(at::kBFloat16), skip_.to(at::kBFloat16));
  EXPECT_EQ(found.scalar_type(), at::kBFloat16);
  EXPECT_LT((found.to(at::kFloat) - wanted).abs().max().item<double>(),
            0.02 * wanted.abs().max().item<double>());
}

}  // namespace
}  // namespace diffuse
