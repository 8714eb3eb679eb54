// Networks that are given a condition.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "diffuse/model/network.h"
#include "tests/message_of.h"
#include "tests/model/small_unet.h"

namespace diffuse {
namespace {

ModelConfig points_with_vector() {
  ModelConfig config;
  config.type = NetworkType::kMlp;
  config.hidden = 16;
  config.layers = 2;
  config.sample_shape = {2};
  config.condition_size = 3;
  return config;
}

// The last layer starts near zero, so differences are small.
void expect_condition_counts(Network& network, const at::Tensor& x, const at::Tensor& condition) {
  const at::Tensor t = at::full({x.size(0)}, 3, at::kLong);
  const at::Tensor given = network.forward(x, t, {{}, condition});
  const at::Tensor none = network.forward(x, t, {});
  EXPECT_EQ(given.sizes(), none.sizes());
  EXPECT_TRUE(at::equal(none, network.forward(x, t, {{}, at::zeros_like(condition)})));
  EXPECT_FALSE(at::equal(none, given));
}

TEST(Conditioning, ChannelsOfAnImageFollowTheUNetsInput) {
  for (const bool self_conditioning : {false, true})
    for (const int64_t patch : {1, 2}) {
      ModelConfig config = small_config();
      config.condition_channels = 2;
      config.self_conditioning = self_conditioning;
      config.patch_size = patch;
      const auto network = make_network(config, false, {}, 0);
      const at::Tensor weight = network->named_parameters()["conv_in.weight"];
      EXPECT_EQ(weight.size(1), ((self_conditioning ? 6 : 3) + 2) * patch * patch);
      const at::Tensor x = at::randn({2, 3, 16, 16});
      expect_condition_counts(*network, x, at::randn({2, 2, 16, 16}));
    }
}

// Zeros for the missing x_0 stand before the condition.
TEST(Conditioning, StandsBehindTheLastX0) {
  ModelConfig config = small_config();
  config.condition_channels = 1;
  config.self_conditioning = true;
  const auto network = make_network(config, false, {}, 0);
  const at::Tensor x = at::randn({1, 3, 16, 16}), t = at::full({1}, 3, at::kLong);
  const at::Tensor condition = at::randn({1, 1, 16, 16});
  EXPECT_TRUE(at::equal(network->forward(x, t, {{}, condition}),
                        network->forward(at::cat({x, at::zeros_like(x)}, 1), t, {{}, condition})));
}

TEST(Conditioning, VectorsJoinTheTimeEmbedding) {
  const auto mlp = make_network(points_with_vector(), false, {}, 0);
  expect_condition_counts(*mlp, at::randn({5, 2}), at::randn({5, 4}));
  ModelConfig config = small_config();
  config.condition_size = 3;
  const auto unet = make_network(config, false, {}, 0);
  EXPECT_EQ(unet->named_parameters()["condition_embedding.linear_1.weight"].size(1), 4);
  expect_condition_counts(*unet, at::randn({2, 3, 16, 16}), at::randn({2, 4}));
}

// Models without a condition keep their weights: parameters are drawn in the order of construction.
TEST(Conditioning, ChangesNoOtherParameter) {
  ModelConfig config = small_config();
  const auto plain = make_network(config, false, {}, 5);
  config.condition_size = 3;
  const auto given = make_network(config, false, {}, 5);
  EXPECT_EQ(given->parameters().size(), plain->parameters().size() + 4);
  EXPECT_TRUE(at::equal(given->named_parameters()["conv_in.weight"],
                        plain->named_parameters()["conv_in.weight"]));
}

TEST(Conditioning, IsRefusedWhereANetworkHasNoPlaceForIt) {
  ModelConfig points = points_with_vector();
  points.condition_channels = 1;
  EXPECT_EQ(message_of([&] { make_network(points, false, {}, 0); }),
            "/condition/type: expected none or vector, as the data are points");
  points = points_with_vector();
  points.type = NetworkType::kGaussianOracle;
  EXPECT_EQ(message_of([&] { make_network(points, false, {}, 0); }),
            "/condition/type: expected none, as gaussian_oracle knows no condition");
}

}  // namespace
}  // namespace diffuse
