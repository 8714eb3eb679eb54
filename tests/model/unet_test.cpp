#include "src/model/unet.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "tests/message_of.h"
#include "tests/model/small_unet.h"

namespace diffuse {
namespace {

std::shared_ptr<Network> unet(const ModelConfig& config, bool learned_variance = false) {
  return make_network(config, learned_variance, {}, 0);
}

// The formula of tests/reference/unet_reference.py's fill().
void fill(Network& network) {
  const at::NoGradGuard no_grad;
  const auto parameters = network.named_parameters();
  std::vector<std::string> names = parameters.keys();
  std::ranges::sort(names);
  for (size_t k = 0; k < names.size(); ++k) {
    at::Tensor p = parameters[names[k]];
    const at::Tensor i = at::arange(p.numel(), at::kDouble);
    at::Tensor values = (0.7 * static_cast<double>(k) + 0.013 * i).sin() /
                        std::sqrt(static_cast<double>(p[0].numel()));
    if (names[k].find("norm") != std::string::npos && names[k].ends_with("weight")) {
      values = 1 + 0.1 * values;
    }
    p.copy_(values.reshape(p.sizes()));
  }
}

struct Reference {
  ModelConfig config;
  bool learned_variance;
  int64_t parameters;
  std::vector<float> outputs;  // elements 0, 100, 255, half + 17 and the last
};

// Compares with what Hugging Face diffusers computes from the same weights and inputs.
void expect_matches(const Reference& reference) {
  const auto network = unet(reference.config, reference.learned_variance);
  EXPECT_EQ(parameter_count(*network), reference.parameters);
  fill(*network);
  network->eval();
  const int64_t channels = reference.config.sample_shape[0];
  const at::Tensor x = (0.37 * at::arange(2 * channels * 256, at::kDouble)).sin().to(at::kFloat);
  const at::Tensor t = at::tensor({7, 801}, at::kLong);
  const at::Tensor labels = at::tensor({3, 10}, at::kLong);

  const at::NoGradGuard no_grad;
  const at::Tensor out = network->forward(x.view({2, channels, 16, 16}), t, labels).flatten();
  const int64_t count = out.numel();
  const int64_t picks[] = {0, 100, 255, count / 2 + 17, count - 1};
  for (int i = 0; i < 5; ++i) {
    EXPECT_NEAR(out[picks[i]].item<float>(), reference.outputs[i], 1e-4) << "element " << picks[i];
  }
}

std::string error_of(const ModelConfig& config) {
  return message_of([&] { unet(config); });
}

TEST(UNet, MatchesDiffusersHo) {
  expect_matches(
      {small_config(), false, 1002883, {-2.27111f, -6.02411f, -2.35444f, -5.45284f, 1.37483f}});
}

TEST(UNet, MatchesDiffusersScaleShiftCosSinSymmetricLearnedVariance) {
  ModelConfig config = small_config();
  config.scale_shift_norm = true;
  config.time_embedding = TimeHalves::kCosSin;
  config.time_frequency_shift = 0;
  config.downsample_padding = DownsamplePadding::kBoth;
  expect_matches({config, true, 1082182, {-2.21868f, -6.14865f, -2.3264f, -5.77095f, -2.62175f}});
}

TEST(UNet, MatchesDiffusersClassConditional) {
  ModelConfig config = small_config();
  config.channel_multipliers = {1, 1};
  config.attention_resolutions = {16};
  config.classes = 10;  // and one row for "no class"
  expect_matches({config, false, 409379, {-1.33542f, -2.18809f, -1.48251f, -3.05752f, 1.37181f}});
}

TEST(UNet, MatchesDiffusersFourHeadsGrey) {
  ModelConfig config = small_config();
  config.channel_multipliers = {1, 1};
  config.attention_resolutions = {16, 8};
  config.attention_heads = 4;
  config.sample_shape = {1, 16, 16};
  expect_matches({config, false, 428257, {-2.17723f, -5.45269f, -2.29285f, -5.73167f, -2.39222f}});
}

// Names and shapes that diffusers gives Ho et al.'s CIFAR-10 model.
TEST(UNet, ParametersHaveDiffusersNamesAndShapes) {
  ModelConfig config;
  config.sample_shape = {3, 32, 32};
  const auto network = unet(config);
  std::vector<std::string> ours;
  for (const auto& item : network->named_parameters()) {
    std::string line = item.key();
    for (const int64_t size : item.value().sizes()) line += " " + std::to_string(size);
    ours.push_back(line);
  }
  std::ranges::sort(ours);

  std::ifstream file("tests/reference/unet_ho_state_dict.txt");
  std::vector<std::string> theirs;
  for (std::string line; std::getline(file, line);) theirs.push_back(line);
  std::ranges::sort(theirs);  // by line, as ours
  EXPECT_EQ(theirs.size(), 328u);
  EXPECT_EQ(ours, theirs);
  EXPECT_EQ(parameter_count(*network), 35'746'307);  // [Ho20] app. B: 35.7 million
}

// [Nichol21]'s CIFAR-10 model; counted from the authors' code.
TEST(UNet, CountsImprovedParameters) {
  ModelConfig config;
  config.sample_shape = {3, 32, 32};
  config.blocks_per_level = 3;
  config.attention_resolutions = {16, 8};
  config.scale_shift_norm = true;
  EXPECT_EQ(parameter_count(*unet(config, /*learned_variance=*/true)), 52'546'438);
}

TEST(UNet, CountsGreyParameters) {
  ModelConfig config;
  config.sample_shape = {1, 32, 32};
  config.channels = 64;
  EXPECT_EQ(parameter_count(*unet(config)), 8'949'761);
}

// [Ho20]'s 256 x 256 model: 114 million
TEST(UNet, CountsLargeParameters) {
  ModelConfig config;
  config.sample_shape = {3, 256, 256};
  config.channel_multipliers = {1, 1, 2, 2, 4, 4};
  EXPECT_EQ(parameter_count(*unet(config)), 113'673'219);
}

TEST(UNet, GradientReachesEveryParameter) {
  ModelConfig config = small_config();
  config.classes = 3;
  config.scale_shift_norm = true;
  const auto network = unet(config);
  fill(*network);  // past the near-zero start
  const at::Tensor x = at::linspace(-1, 1, 3 * 256).view({1, 3, 16, 16});
  const at::Tensor label = at::tensor({2}, at::kLong);
  network->forward(x, at::tensor({5}, at::kLong), label).square().sum().backward();
  for (const auto& item : network->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().max().item<float>(), 0) << item.key();
  }
}

// In training mode without dropout and with gradients off the same numbers must come out: the
// in-place shortcuts of sampling change nothing.
TEST(UNet, GradientModeDoesNotChangeTheOutput) {
  const auto network = unet(small_config());
  fill(*network);
  const at::Tensor x = at::linspace(-1, 1, 3 * 256).view({1, 3, 16, 16}),
                   t = at::zeros({1}, at::kLong);
  const at::Tensor with = network->forward(x, t, {}).detach();
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(network->forward(x, t, {}), with));
  EXPECT_TRUE(at::equal(x, at::linspace(-1, 1, 3 * 256).view({1, 3, 16, 16})));
}

TEST(UNet, RowsOfABatchDoNotTouch) {
  const auto network = unet(small_config());
  fill(*network);
  network->eval();
  const at::NoGradGuard no_grad;
  const at::Tensor x = (0.37 * at::arange(3 * 3 * 256)).sin().view({3, 3, 16, 16});
  const at::Tensor t = at::tensor({1, 500, 999}, at::kLong);
  const at::Tensor together = network->forward(x, t, {});
  for (int64_t i = 0; i < 3; ++i) {
    const at::Tensor alone = network->forward(x.slice(0, i, i + 1), t.slice(0, i, i + 1), {});
    EXPECT_TRUE(at::allclose(alone[0], together[i], 1e-4, 1e-4)) << "row " << i;
  }
}

TEST(UNet, UndefinedLabelsMeanNoClass) {
  ModelConfig config = small_config();
  config.classes = 4;
  const auto network = unet(config);
  fill(*network);
  const at::NoGradGuard no_grad;
  const at::Tensor x = at::ones({1, 3, 16, 16}), t = at::zeros({1}, at::kLong);
  const at::Tensor none = network->forward(x, t, {});
  EXPECT_TRUE(at::equal(none, network->forward(x, t, at::tensor({4}, at::kLong))));
  EXPECT_FALSE(at::allclose(none, network->forward(x, t, at::tensor({0}, at::kLong))));
}

TEST(UNet, TakesImagesThatAreNotSquareInPatches) {
  ModelConfig config = small_config();
  config.patch_size = 2;
  config.attention_resolutions = {4};  // 16 x 24 pixels: levels of 8 x 12 and 4 x 6
  config.sample_shape = {1, 16, 24};
  const auto network = unet(config, /*learned_variance=*/true);
  const at::Tensor x = at::ones({2, 1, 16, 24}), t = at::zeros({2}, at::kLong);
  const at::Tensor out = network->forward(x, t, {});
  EXPECT_EQ(out.sizes(), (at::IntArrayRef{2, 2, 16, 24}));
  EXPECT_TRUE(out.is_contiguous());
}

// The output's channels are the prediction's, then the variance's, also with patches.
TEST(UNet, PatchesKeepTheTwoHalvesOfALearnedVarianceApart) {
  ModelConfig config = small_config();
  config.patch_size = 2;
  config.attention_resolutions = {};
  const auto network = unet(config, /*learned_variance=*/true);
  const at::NoGradGuard no_grad;
  const auto parameters = network->named_parameters();
  parameters["conv_out.weight"].zero_();
  parameters["conv_out.bias"].copy_(at::cat({at::zeros({12}), at::ones({12})}));
  const at::Tensor out = network->forward(at::ones({1, 3, 16, 16}), at::zeros({1}, at::kLong), {});
  EXPECT_TRUE(at::equal(out, at::cat({at::zeros({1, 3, 16, 16}), at::ones({1, 3, 16, 16})}, 1)));
}

TEST(UNet, StartsNearZeroAndTheSameForTheSameSeed) {
  const ModelConfig config = small_config();
  const auto first = make_network(config, false, {}, 5), again = make_network(config, false, {}, 5);
  const auto other = make_network(config, false, {}, 6);
  for (const auto& item : first->named_parameters()) {
    EXPECT_TRUE(at::equal(item.value(), again->named_parameters()[item.key()])) << item.key();
  }
  const auto weight = [](const Network& n) { return n.named_parameters()["conv_in.weight"]; };
  EXPECT_FALSE(at::equal(weight(*first), weight(*other)));

  // U(-b, b), b^2 = 3 / mean(9 x 3, 9 x 32): variance b^2 / 3
  EXPECT_NEAR(weight(*first).var().item<double>(), 1 / 157.5, 0.15 / 157.5);
  EXPECT_LE(weight(*first).abs().max().item<double>(), std::sqrt(3 / 157.5));
  const at::NoGradGuard no_grad;
  const at::Tensor out = first->forward(at::ones({1, 3, 16, 16}), at::zeros({1}, at::kLong), {});
  EXPECT_LT(out.abs().max().item<float>(), 1e-3);
}

TEST(UNet, ComputesInDoubleWhenMovedThere) {
  const auto network = unet(small_config());
  fill(*network);
  network->eval();
  const at::NoGradGuard no_grad;
  const at::Tensor x = at::linspace(-1, 1, 3 * 256).view({1, 3, 16, 16});
  const at::Tensor t = at::tensor({400}, at::kLong), single = network->forward(x, t, {});
  network->to(at::kDouble);
  const at::Tensor twice = network->forward(x.to(at::kDouble), t, {});
  EXPECT_EQ(twice.scalar_type(), at::kDouble);
  EXPECT_TRUE(at::allclose(twice, single.to(at::kDouble), 1e-4, 1e-4));
}

// Autocast computes convolutions in bfloat16; the result comes back in x's dtype, close by.
TEST(UNet, RunsUnderAutocast) {
  const auto network = unet(small_config());
  network->eval();
  const at::NoGradGuard no_grad;
  network->named_parameters()["conv_out.weight"].mul_(1e5);  // past the near-zero start
  const at::Tensor x = at::linspace(-1, 1, 3 * 256).view({1, 3, 16, 16});
  const at::Tensor t = at::tensor({400}, at::kLong), single = network->forward(x, t, {});
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const at::Tensor half = network->forward(x, t, {});
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  EXPECT_EQ(half.scalar_type(), at::kFloat);
  EXPECT_FALSE(at::equal(half, single));
  EXPECT_LT((half - single).abs().max().item<float>(), 0.05 * single.abs().max().item<float>());
}

TEST(UNet, TakesAFirstLevelWiderThanItsFirstConvolution) {
  ModelConfig config = small_config();
  config.channel_multipliers = {2, 1};
  const auto network = unet(config);
  EXPECT_EQ(network->named_parameters()["conv_in.weight"].size(0), 32);
  EXPECT_EQ(network->named_parameters()["conv_out.weight"].size(1), 64);
  const at::Tensor x = at::zeros({2, 3, 16, 16});
  EXPECT_EQ(network->forward(x, at::zeros({2}, at::kLong), {}).sizes(), x.sizes());
}

TEST(UNet, NamesTheLevelsWhenAnAttentionResolutionIsNone) {
  ModelConfig config = small_config();
  config.attention_resolutions = {16, 15};
  EXPECT_EQ(
      error_of(config),
      "/model/attention_resolutions/1: 15 is not the height of a level; the levels have 16, 8");
}

TEST(UNet, SaysHowManyLevelsFit) {
  ModelConfig config = small_config();
  config.channel_multipliers = {1, 2, 2, 2};
  config.sample_shape = {1, 28, 28};
  EXPECT_EQ(
      error_of(config),
      "/model/channel_multipliers: 4 levels need sizes divisible by 8, but the samples have a "
      "height and width of 28 x 28; at most 3 levels fit");
  config.patch_size = 2;
  EXPECT_EQ(
      error_of(config),
      "/model/channel_multipliers: 4 levels on patches of 2 need sizes divisible by 16, but the "
      "samples have a height and width of 28 x 28; at most 2 levels fit");
  config.patch_size = 3;
  EXPECT_EQ(error_of(config),
            "/model/patch_size: 3 does not divide the samples' height and width of 28 x 28");
}

TEST(UNet, RefusesSizesThatDoNotDivide) {
  ModelConfig config = small_config();
  config.norm_groups = 5;
  EXPECT_EQ(error_of(config),
            "/model/norm_groups: 5 does not divide the 32 channels of level 0 (/model/channels x "
            "/model/channel_multipliers/0)");
  config = small_config();
  config.attention_heads = 3;
  EXPECT_EQ(error_of(config),
            "/model/attention_heads: 3 does not divide the 64 channels of level 1");
  config.sample_shape = {2};
  EXPECT_EQ(error_of(config),
            "/model/type: \"unet\" needs images or signals, but the data are points; use \"mlp\"");
}

// An image of equal rows under kernels that look at the middle row alone is a signal: the image
// network, which is checked against Hugging Face diffusers, says what the other must.
void expect_signal_equals_rows(ModelConfig config) {
  config.sample_shape = {2, 16};
  const auto signals = unet(config);
  config.sample_shape = {2, 16, 16};
  const auto images = unet(config);
  fill(*signals);
  const at::NoGradGuard no_grad;
  const auto weights = signals->named_parameters();
  for (const auto& item : images->named_parameters()) {
    const at::Tensor& signal = weights[item.key()];
    at::Tensor image = item.value().zero_();
    if (image.dim() == 4 && image.size(2) == 3)
      image.select(2, 1).copy_(signal.select(2, 0));
    else
      image.copy_(signal);
  }
  const at::Tensor x = at::arange(64).view({2, 2, 16}).mul(0.37).sin().to(at::kFloat);
  const at::Tensor t = at::tensor({3, 700});
  const at::Tensor expected = images->forward(x.unsqueeze(2).expand({2, 2, 16, 16}), t, {});
  const at::Tensor found = signals->forward(x, t, {});
  EXPECT_EQ(found.sizes(), x.sizes());
  EXPECT_TRUE(at::allclose(found, expected.select(2, 5), 1e-4, 1e-4))
      << (found - expected.select(2, 5)).abs().max();
}

TEST(UNet, TakesSignalsAsImagesOfOneRow) {
  expect_signal_equals_rows(small_config());
  ModelConfig padded = small_config();
  padded.downsample_padding = DownsamplePadding::kBoth;
  padded.scale_shift_norm = true;
  expect_signal_equals_rows(padded);
}

// With patches of p, number k of channel c is number k / p of channel c p + k % p.
TEST(UNet, PatchesOfASignalComeBackInOrder) {
  ModelConfig config = small_config();
  config.sample_shape = {1, 32};
  config.patch_size = 4;
  config.attention_resolutions = {};
  const auto network = unet(config);
  const at::NoGradGuard no_grad;
  for (const auto& item : network->named_parameters())
    if (item.key() == "conv_out.weight")
      item.value().zero_();
    else if (item.key() == "conv_out.bias")
      item.value().copy_(at::arange(4));
  const at::Tensor found = network->forward(at::zeros({1, 1, 32}), at::tensor({1}), {});
  EXPECT_TRUE(at::equal(found.flatten(), at::arange(32).remainder(4).to(at::kFloat)));
}

}  // namespace
}  // namespace diffuse
