#include "src/measure/flop_counter.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/model/ops/conv.h"
#include "src/model/ops/cpu/attention.h"
#include "src/model/recompute.h"
#include "src/model/unet_blocks.h"

namespace diffuse {
namespace {

TEST(FlopCounter, CountsTheThreeKindsOfProduct) {
  const at::Tensor x = at::zeros({2, 3, 8, 6});
  {
    const FlopCounter counter;
    at::conv2d(x, at::zeros({5, 3, 3, 3}), {}, {2, 2}, {1, 1});  // -> [2, 5, 4, 3]
    EXPECT_EQ(counter.operations(), 2.0 * 2 * 5 * 4 * 3 * (3 * 3 * 3));
  }
  {
    const FlopCounter counter;
    at::linear(at::zeros({4, 7, 3}), at::zeros({5, 3}), at::zeros({5}));
    EXPECT_EQ(counter.operations(), 2.0 * 4 * 7 * 3 * 5);
  }
  const FlopCounter counter;
  const at::Tensor q = at::zeros({2, 3, 9, 4});
  at::scaled_dot_product_attention(q, q, q);
  EXPECT_EQ(counter.operations(), 2 * 2.0 * 2 * 3 * 9 * 9 * 4);
}

TEST(FlopCounter, CountsAResidualBlockWhoseInputIsInTwoParts) {
  Initializer init(1);
  const ResnetBlock block(init, ModelConfig{}, 96, 64, 16);
  const at::Tensor x = at::zeros({2, 64, 8, 8}), skip = at::zeros({2, 32, 8, 8});
  const FlopCounter counter;
  block.forward(x, at::zeros({2, 16}), skip);
  EXPECT_EQ(counter.operations(),
            2.0 * 2 * 64 * (96 * 9 * 64 + 64 * 9 * 64 + 96 * 64) + 2.0 * 2 * 16 * 64);
}

TEST(FlopCounter, CountsOurOwnAttention) {
  const at::Tensor q = at::zeros({2, 9, 12});
  const FlopCounter counter;
  ops::cpu::attention(q, q, q, 3);
  EXPECT_EQ(counter.operations(), 2 * 2.0 * 2 * 3 * 9 * 9 * 4);
}

TEST(FlopCounter, CountsAConvolutionOfADoubledImageAsOfALargeOne) {
  for (const int64_t channels : {5, 32}) {  // the first is LibTorch's
    const at::Tensor x = at::zeros({2, channels, 4, 4}),
                     weight =
                         at::zeros({7, channels, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast);
    const FlopCounter counter;
    ops::conv2d(x, weight, at::zeros({7}),
                {.kernel = 3, .stride = 1, .padding = 1, .doubled = true});
    EXPECT_EQ(counter.operations(), 2.0 * 2 * 8 * 8 * 7 * channels * 9) << channels;
  }
}

TEST(FlopCounter, CountsNothingAfterItsEnd) {
  const at::Tensor x = at::zeros({4, 3});
  { const FlopCounter counter; }
  at::linear(x, x);
  const FlopCounter counter;
  EXPECT_EQ(counter.operations(), 0);
}

TEST(FlopCounter, CountsWhatIsComputedAgainForGradientsOnce) {
  const at::Tensor x = at::ones({4, 3}).requires_grad_(), weight = at::ones({5, 3});
  const Block block = [&](const at::Tensor& h, const at::Tensor&, const at::Tensor&) {
    return at::linear(h, weight);
  };
  const FlopCounter counter;
  recomputed(block, x, at::ones({1}), {}).sum().backward();
  EXPECT_EQ(counter.operations(), 2.0 * 4 * 3 * 5);
}

}  // namespace
}  // namespace diffuse
