#include "src/train/initial_weights.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "diffuse/arrays/checkpoint_file.h"
#include "src/model_file/model_files.h"
#include "tests/message_of.h"
#include "tests/model/small_unet.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

Config config_of(int64_t channels, const std::vector<std::string>& classes) {
  Config config;
  config.model = small_config();
  config.model.sample_shape[0] = channels;
  config.model.sample_kind = SampleKind::kImage;
  config.model.class_conditional = !classes.empty();
  config.model.classes = std::ssize(classes);
  config.model.class_names = classes;
  return config;
}

std::shared_ptr<Network> network_of(const Config& config, uint64_t seed = 1) {
  auto network = make_network(config.model, config.diffusion.learns_variance(), {}, seed);
  network->eval();
  return network;
}

// A network with weights of every size, and its file.
struct Trained {
  std::shared_ptr<Network> network;
  std::filesystem::path file;
};

Trained trained(const Config& config) {
  const at::NoGradGuard no_grad;
  Trained result{network_of(config), scratch("initial_weights") / "model.pt"};
  at::manual_seed(3);
  for (const at::Tensor& weight : result.network->parameters()) weight.normal_(0, 0.3);
  write_checkpoint_file(result.file, model_root(config, 7, named_parameters(*result.network)));
  return result;
}

// A network of `config` that began from the file.
std::shared_ptr<Network> begun(const Config& config, const Trained& from) {
  auto network = network_of(config, 2);
  load_module(initial_weights(from.file, config, *network), kNetwork, true, *network);
  return network;
}

at::Tensor output(Network& network, const at::Tensor& x, const std::vector<int64_t>& labels) {
  const at::NoGradGuard no_grad;
  return network.forward(x, at::tensor({3.0, 40.0, 700.0}),
                         labels.empty() ? at::Tensor() : at::tensor(labels));
}

void expect_near(const at::Tensor& a, const at::Tensor& b) {
  ASSERT_EQ(a.sizes(), b.sizes());
  EXPECT_LT((a - b).abs().max().item<double>(), 1e-4 * b.abs().max().item<double>());
  EXPECT_GT(b.abs().max().item<double>(), 0.1);
}

at::Tensor grey() {
  at::manual_seed(4);
  return at::randn({3, 1, 16, 16});
}

TEST(InitialWeights, OfTheSameModelAreItsOwn) {
  const Config config = config_of(1, {});
  const Trained from = trained(config);
  EXPECT_TRUE(
      at::equal(output(*begun(config, from), grey(), {}), output(*from.network, grey(), {})));
}

TEST(InitialWeights, ServeAGreySampleInColour) {
  const Trained from = trained(config_of(1, {"cat", "dog"}));
  const auto network = begun(config_of(3, {"fox", "dog", "cat"}), from);
  // Of fox, which it does not know, it says what it says without a class.
  expect_near(output(*network, grey().repeat({1, 3, 1, 1}), {0, 1, 2}),
              output(*from.network, grey(), {2, 1, 0}).repeat({1, 3, 1, 1}));
  expect_near(output(*network, grey().repeat({1, 3, 1, 1}), {3, 3, 3}),
              output(*from.network, grey(), {2, 2, 2}).repeat({1, 3, 1, 1}));
}

TEST(InitialWeights, ServeAColourSampleInGrey) {
  const Trained from = trained(config_of(3, {}));
  expect_near(output(*begun(config_of(1, {}), from), grey(), {}),
              output(*from.network, grey().repeat({1, 3, 1, 1}), {}).mean(1, /*keepdim=*/true));
}

// The variance's channels, which the file lacks, are the new network's own.
TEST(InitialWeights, LeaveALearnedVarianceAsItIs) {
  const Trained from = trained(config_of(1, {}));
  Config config = config_of(1, {});
  config.diffusion.variance = VarianceKind::kLearnedRange;
  config.diffusion.loss = LossKind::kHybrid;
  const at::Tensor both = output(*begun(config, from), grey(), {});
  expect_near(both.narrow(1, 0, 1), output(*from.network, grey(), {}));
  EXPECT_LT(both.narrow(1, 1, 1).abs().max().item<double>(), 0.1);
}

TEST(InitialWeights, OfAnotherKindOfNetworkAreRefused) {
  const Trained from = trained(config_of(1, {}));
  Config config;
  config.model.type = NetworkType::kMlp;
  config.model.hidden = 24;
  config.model.sample_shape = {2};
  const auto network = network_of(config);
  const std::string message = message_of([&] { initial_weights(from.file, config, *network); });
  EXPECT_NE(message.find("--init " + from.file.string() + ": none of its"), std::string::npos);
  EXPECT_NE(message.find("fits the network of type mlp in the config"), std::string::npos)
      << message;
}

TEST(InitialWeights, AConfigIsThatOfTheModelOnOtherData) {
  const Trained from = trained(config_of(1, {"cat", "dog"}));
  const Config config = config_of_model(from.file, {"train.steps=5", "data.channels=3"});
  EXPECT_EQ(config.model.channels, 32);
  EXPECT_EQ(config.train.steps, 5);
  EXPECT_EQ(config.data.channels, 3);
  EXPECT_TRUE(config.model.sample_shape.empty() && config.model.class_names.empty());
}

}  // namespace
}  // namespace diffuse
