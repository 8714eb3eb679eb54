#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/distributed/worlds.h"
#include "tests/train/small_training.h"

namespace diffuse {

using testing_distributed::run_worlds;

// Three processes' checkpoint after four updates in passes, of bfloat16, with clipped gradients, which
// in the second update are not finite on one rank.
static ValueDict trained(bool compress, bool shard) {
  Config config = small_training();
  config.train.batch_size = 7;
  config.train.micro_batch = 1;
  config.train.gradient_clip = 0.1;
  config.train.precision = Precision::kBf16;
  config.train.compress_gradients = compress;
  config.train.shard_optimizer = shard;
  ValueDict saved;
  const auto thrown = run_worlds(3, [&](World& world) {
    Trainer trainer =
        make_trainer(config, std::shared_ptr<World>(std::shared_ptr<World>(), &world));
    for (int64_t step = 0; step < 4; ++step) {
      at::Tensor weight = trainer.network().parameters()[0];
      if (step == 1 && world.rank() == 1) weight.mutable_grad() = at::full_like(weight, INFINITY);
      trainer.update();
    }
    const ValueDict checkpoint = trainer.checkpoint();
    if (world.is_first()) saved = checkpoint;
  });
  for (const std::string& what : thrown) EXPECT_EQ(what, "");
  return saved;
}

static const ValueDict& part(const ValueDict& checkpoint, const char* name) {
  return std::get<ValueDict>(find(checkpoint, name)->data);
}

static at::Tensor tensor(const ValueDict& dict, const std::string& name) {
  return std::get<at::Tensor>(find(dict, name)->data);
}

TEST(TrainerState, IsTheSameShardedOrNot) {
  for (const bool compress : {false, true}) {
    const ValueDict whole = trained(compress, false), sharded = trained(compress, true);
    for (const char* const name : {"model", "ema", "exp_avg", "exp_avg_sq", "counters"}) {
      ASSERT_EQ(part(whole, name).size(), part(sharded, name).size());
      for (const auto& [key, value] : part(whole, name))
        EXPECT_TRUE(at::equal(std::get<at::Tensor>(value.data), tensor(part(sharded, name), key)))
            << name << " " << key;
    }
    EXPECT_EQ(tensor(part(sharded, "counters"), "skipped_updates").item<float>(), 1);
    EXPECT_EQ(tensor(part(sharded, "counters"), "optimizer_updates").item<float>(), 3);
  }
}

// As a converted model has them: the step in it was another training's.
TEST(TrainerState, StartsAnewFromWeightsAlone) {
  Config config;
  config.data.type = DataType::kSwissRoll;
  config.data.count = 20;
  config.model.type = NetworkType::kMlp;
  config.train.shard_optimizer = true;
  const auto thrown = run_worlds(2, [&](World& world) {
    Trainer trainer =
        make_trainer(config, std::shared_ptr<World>(std::shared_ptr<World>(), &world));
    NamedTensors halves = named_parameters(trainer.network());
    for (auto& [name, tensor] : halves) tensor = at::full_like(tensor, 0.5);
    const Value weights{to_dict(halves)};
    const Checkpoint model{.file = "model.pt",
                           .config = trainer.config(),
                           .step = 70,
                           .root = {{"model", weights}, {"ema", weights}}};
    trainer.restore(world.is_first() ? std::optional(model) : std::nullopt);
    EXPECT_EQ(trainer.step(), 0);
    for (const at::Tensor& weight : trainer.network().parameters())
      EXPECT_TRUE(at::equal(weight, at::full_like(weight, 0.5)));
    const ValueDict saved = trainer.checkpoint();
    if (!world.is_first()) return;
    for (const auto& [name, average] : part(saved, "ema"))
      EXPECT_EQ(std::get<at::Tensor>(average.data).max().item<double>(), 0.5) << name;
  });
  for (const std::string& what : thrown) EXPECT_EQ(what, "");
}

}  // namespace diffuse
