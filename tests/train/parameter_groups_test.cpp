#include "src/train/parameter_groups.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "src/train/parameter_updater.h"
#include "src/train/resume.h"
#include "src/train/step_graphs.h"
#include "tests/distributed/worlds.h"
#include "tests/fake_graph.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"
#include "tests/train/small_training.h"

namespace fs = std::filesystem;

namespace diffuse {
namespace {

TEST(MatchesName, TakesStarsForTextAndQuestionMarksForACharacter) {
  const std::string name = "down_blocks.0.resnets.1.conv1.weight";
  for (const char* const pattern :
       {"*", "down_blocks*", "*.weight", "*conv?.weight", "down_blocks.?.resnets.*", "d*0*1*1*t",
        "down_blocks.0.resnets.1.conv1.weight*", "*.*.*", "down_blocks", "down_blocks.0",
        "down_blocks.0.resnets.1.conv1.weight"})
    EXPECT_TRUE(matches_name(pattern, name)) << pattern;
  for (const char* const pattern :
       {"", "?", "down_block", "down_blocks.", "blocks*", "*.bias", "*conv??.weight", "d*2*t",
        "down_blocks.0.resnets.1.conv1.weight?", "resnets",
        "down_blocks.0.resnets.1.conv1.weight.a"})
    EXPECT_FALSE(matches_name(pattern, name)) << pattern;
}

// A star that took too little at first.
TEST(MatchesName, TriesLongerTextForAStar) {
  EXPECT_TRUE(matches_name("*aab", "aaaab"));
  EXPECT_TRUE(matches_name("*ab*c", "abababxc"));
  EXPECT_FALSE(matches_name("*ab*c", "abababx"));
}

using Named = std::vector<std::string>;
using Names = std::set<std::string>;

// The network's parameters that a config trains.
Names trained_names(const TrainConfig& train) {
  Config config = small_training();
  config.train = train;
  Trainer trainer = make_trainer(config);
  Names names;
  for (const auto& [name, parameter] : named_parameters(trainer.network()))
    if (parameter.requires_grad()) names.insert(name);
  return names;
}

TrainConfig training(const Named& freeze, const Named& train_only = {},
                     const std::map<std::string, double>& rates = {}) {
  TrainConfig train = small_training().train;
  train.freeze = freeze;
  train.train_only = train_only;
  train.learning_rates = rates;
  return train;
}

TEST(FreezeParameters, FreezesWhatIsNamedOrAllElse) {
  EXPECT_EQ(trained_names(training({}, {"conv_out", "class_embedding.*"})),
            (Names{"class_embedding.weight", "conv_out.weight", "conv_out.bias"}));
  EXPECT_EQ(trained_names(training({"*block*", "time_embedding", "conv_norm_out.weight"})),
            (Names{"conv_in.weight", "conv_in.bias", "class_embedding.weight", "conv_norm_out.bias",
                   "conv_out.weight", "conv_out.bias"}));
}

std::string refusal(const TrainConfig& train) {
  return message_of([&] { trained_names(train); });
}

TEST(FreezeParameters, AnswersMistakesByOneLine) {
  EXPECT_EQ(refusal(training({"conv_in", "conv_on"})),
            "/train/freeze/1: \"conv_on\" matches no parameter of the network; did you mean "
            "\"conv_in\"?");
  EXPECT_EQ(refusal(training({}, {"x*"})),
            "/train/train_only/0: \"x*\" matches no parameter of the network; its parts are "
            "class_embedding, conv_in, conv_norm_out, conv_out, down_blocks, mid_block, "
            "time_embedding, up_blocks");
  const std::string all = refusal(training({"*"}));
  EXPECT_TRUE(all.starts_with("/train/freeze: freezes all ")) << all;
  EXPECT_TRUE(all.ends_with(" parameters of the network; nothing is left to train")) << all;
}

TEST(RateFactors, AnswerMistakesByOneLine) {
  EXPECT_EQ(refusal(training({}, {}, {{"conv_inn", 2}})),
            "/train/learning_rates/conv_inn: \"conv_inn\" matches no parameter of the network; did "
            "you mean \"conv_in\"?");
  EXPECT_EQ(refusal(training({}, {}, {{"*.bias", 2}, {"conv_in", 3}})),
            "/train/learning_rates/conv_in: conv_in.bias also matches \"*.bias\"; expected one "
            "pattern at most for each parameter");
  EXPECT_EQ(refusal(training({"conv_in"}, {}, {{"conv_in", 3}})),
            "/train/learning_rates/conv_in: expected a parameter that is trained; all of these are "
            "frozen");
}

const Named kFrozen{"conv_in", "down_blocks", "time_embedding.linear_1", "up_blocks.1.*.conv1.*"};

bool is_frozen(const std::string& name) {
  return std::ranges::any_of(
      kFrozen, [&](const std::string& pattern) { return matches_name(pattern, name); });
}

Config frozen_training() {
  Config config = small_training();
  config.train.freeze = kFrozen;
  return config;
}

std::vector<at::Tensor> copies(const NamedTensors& named) {
  std::vector<at::Tensor> all;
  for (const auto& [name, tensor] : named) all.push_back(tensor.detach().clone());
  return all;
}

// A softmax does not feel what moves all its inputs: the gradient is of rounding alone.
bool has_a_gradient(const std::string& name) { return !name.ends_with("to_k.bias"); }

// The parameters move just where they are not frozen, and so do their averages.
void expect_only_others_move(const Config& config, const std::string& of) {
  Trainer trainer = make_trainer(config);
  const auto before = copies(named_parameters(trainer.network()));
  for (int i = 0; i < 4; ++i) trainer.update();
  const auto expect = [&](const char* kind) {
    const NamedTensors after = named_parameters(trainer.network());
    for (size_t i = 0; i < after.size(); ++i) {
      const std::string& name = after[i].first;
      if (!has_a_gradient(name)) continue;
      EXPECT_EQ(at::equal(after[i].second, before[i]), is_frozen(name))
          << of << " " << kind << " " << name;
    }
  };
  expect("weights");
  trainer.with_averages([&] { expect("averages"); });
  EXPECT_FALSE(trainer.network().named_parameters()["conv_in.weight"].grad().defined());
}

TEST(Frozen, ParametersKeepTheirBytes) {
  Config config = frozen_training();
  expect_only_others_move(config, "adam");
  config.train.optimizer = OptimizerKind::kAdamw;
  config.train.weight_decay = 0.5;
  expect_only_others_move(config, "adamw");
  config.train.optimizer = OptimizerKind::kMuon;
  config.train.ema_snapshot_every = 2;
  expect_only_others_move(config, "muon");
}

TEST(Frozen, ParametersKeepTheirBytesInFlatBuffers) {
  FakeGraphs fake;
  const StepGraphScope scope(fake.maker());
  expect_only_others_move(frozen_training(), "flat");
  EXPECT_GT(fake.made, 0);
}

// The gradients of the first update by name, times 1 - beta1; of what is trained.
std::map<std::string, at::Tensor> gradients(const Config& config) {
  Trainer trainer = make_trainer(config);
  std::map<std::string, at::Tensor> found;
  trainer.update();
  const ValueDict saved = trainer.checkpoint();
  for (const auto& [name, value] : std::get<ValueDict>(find(saved, "exp_avg")->data))
    found[name] = std::get<at::Tensor>(value.data).clone();
  return found;
}

// With and without recomputed blocks, of which one behind frozen layers has inputs that need no gradient.
TEST(Frozen, ParametersLeaveTheGradientsOfOthersAsTheyAre) {
  for (const bool recomputed : {false, true}) {
    Config plain = small_training();
    plain.train.gradient_clip = 0;
    plain.train.gradient_checkpointing = recomputed;
    Config frozen = plain;
    frozen.train.freeze = {"conv_in", "time_embedding", "class_embedding", "mid_block",
                           "down_blocks.0.resnets.0.conv2"};
    const auto all = gradients(plain), part = gradients(frozen);
    EXPECT_LT(part.size(), all.size());
    EXPECT_TRUE(part.contains("down_blocks.0.resnets.0.conv1.weight"));
    EXPECT_FALSE(part.contains("down_blocks.0.resnets.0.conv2.weight"));
    for (const auto& [name, gradient] : part) {
      if (!has_a_gradient(name)) continue;
      const double size = all.at(name).norm().item<double>();
      EXPECT_GT(size, 0) << name;
      EXPECT_LE((gradient - all.at(name)).norm().item<double>(), 1e-4 * size)
          << name << " " << recomputed;
    }
  }
}

// Of three processes too, with the optimiser's state in shards or not.
TEST(Frozen, TrainingIsTheSameInSeveralProcesses) {
  Config config = frozen_training();
  config.train.adam_eps = 1e-3;  // sums in another order stay near
  Trainer alone = make_trainer(config);
  for (int i = 0; i < 3; ++i) alone.update();
  const auto expected = copies(named_parameters(alone.network()));
  for (const bool shard : {false, true}) {
    config.train.shard_optimizer = shard;
    const auto thrown = testing_distributed::run_worlds(3, [&](World& world) {
      Trainer trainer =
          make_trainer(config, std::shared_ptr<World>(std::shared_ptr<World>(), &world));
      for (int i = 0; i < 3; ++i) trainer.update();
      const NamedTensors found = named_parameters(trainer.network());
      for (size_t i = 0; i < found.size(); ++i)
        EXPECT_TRUE(is_frozen(found[i].first) ? at::equal(found[i].second, expected[i])
                                              : at::allclose(found[i].second, expected[i], 0, 1e-3))
            << found[i].first << " " << shard;
    });
    for (const std::string& what : thrown) EXPECT_EQ(what, "");
  }
}

TEST(Frozen, ResumingRepeatsTheRunByteForByte) {
  Config config = frozen_training();
  config.train.learning_rates = {{"conv_out", 0.1}, {"up_blocks.0", 3}};
  const fs::path folder = scratch("frozen_resume");
  Trainer straight = make_trainer(config);
  for (int i = 0; i < 6; ++i) straight.update();
  write_checkpoint_file(folder / "straight.pt", straight.checkpoint());
  Trainer first = make_trainer(config);
  for (int i = 0; i < 2; ++i) first.update();
  write_checkpoint_file(folder / "part.pt", first.checkpoint());
  Trainer second = make_trainer(config);
  second.restore(load_checkpoint(folder / "part.pt"));
  for (int i = 0; i < 4; ++i) second.update();
  write_checkpoint_file(folder / "resumed.pt", second.checkpoint());
  EXPECT_EQ(contents(folder / "straight.pt"), contents(folder / "resumed.pt"));

  Config other = config;
  other.train.freeze.pop_back();
  const std::string message =
      message_of([&] { make_trainer(other).restore(load_checkpoint(folder / "part.pt")); });
  EXPECT_NE(message.find(": cannot continue with other frozen parameters: /train/freeze is "),
            std::string::npos)
      << message;
}

// What each parameter moves by in one update; without factors where `rates` is empty.
std::map<std::string, at::Tensor> moves(OptimizerKind optimizer,
                                        const std::map<std::string, double>& rates,
                                        double weight_decay) {
  Config config = small_training();
  config.train.optimizer = optimizer;
  config.train.learning_rates = rates;
  config.train.warmup_steps = 0;
  config.train.weight_decay = weight_decay;
  Trainer trainer = make_trainer(config);
  const auto before = copies(named_parameters(trainer.network()));
  trainer.update();
  const NamedTensors after = named_parameters(trainer.network());
  std::map<std::string, at::Tensor> found;
  for (size_t i = 0; i < after.size(); ++i)
    found[after[i].first] = after[i].second.detach() - before[i];
  return found;
}

// Each update, decay included, is proportional to the rate.
TEST(RateFactors, ScaleTheFirstUpdate) {
  using enum OptimizerKind;
  const std::map<std::string, double> rates{{"conv_in", 0.1}, {"*.conv1.*", 2}};
  for (const auto& [optimizer, decay] : {std::pair(kAdam, 0.0), {kAdamw, 3.0}, {kMuon, 3.0}}) {
    const auto plain = moves(optimizer, {}, decay), scaled = moves(optimizer, rates, decay);
    for (const auto& [name, move] : plain) {
      const double factor = matches_name("conv_in", name)     ? 0.1
                            : matches_name("*.conv1.*", name) ? 2
                                                              : 1;
      EXPECT_TRUE(at::allclose(scaled.at(name), factor * move, 1e-3, 1e-6))
          << optimizer << " " << name;
    }
    EXPECT_GT(plain.at("conv_in.weight").abs().max().item<double>(), 1e-3);
  }
}

TEST(TrainedCount, IsOfWhatIsNotFrozen) {
  Config config = small_training();
  config.train.train_only = {"conv_out.bias", "class_embedding"};
  Trainer trainer = make_trainer(config);
  EXPECT_EQ(trained_count(trainer.network()), 3 + (10 + 1) * 4 * 8);  // ten classes and none
}

}  // namespace
}  // namespace diffuse
