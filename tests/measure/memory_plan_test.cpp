#include "src/measure/memory_plan.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <variant>

#include "tests/train/small_training.h"

namespace diffuse {
namespace {

// A matrix of 12 numbers, a filter of 36, a vector of 5, and one of 7 that is not trained.
std::vector<at::Tensor> weights() {
  std::vector<at::Tensor> all{at::zeros({3, 4}), at::zeros({2, 2, 3, 3}), at::zeros({5})};
  for (at::Tensor& weight : all) weight.requires_grad_();
  all.push_back(at::zeros({7}));
  return all;
}

TEST(KeptMemory, OfAdamIsWeightsAveragesAndTwoMoments) {
  EXPECT_EQ(kept_memory({}, weights(), false, 2), 4 * (53 * 4 + 7));
}

TEST(KeptMemory, InOneBufferEachIsAlsoGradientsAndLowCopies) {
  EXPECT_EQ(kept_memory({}, weights(), true, 0), 4 * (53 * 5 + 7 * 1));
  EXPECT_EQ(kept_memory({}, weights(), true, 2), 4 * (53 * 5 + 7 * 1) + 2 * 60);
}

// Matrices and filters have one moment, the vector two.
TEST(KeptMemory, OfMuonIsOneMomentForMatrices) {
  TrainConfig train;
  train.optimizer = OptimizerKind::kMuon;
  EXPECT_EQ(kept_memory(train, weights(), false, 2), 4 * (48 * 3 + 5 * 4 + 7));
}

TEST(KeptMemory, OfSnapshotsIsTwoMoreAverages) {
  TrainConfig train;
  train.ema_snapshot_every = 10;
  EXPECT_EQ(kept_memory(train, weights(), false, 2), 4 * (53 * 6 + 7));
}

// What a training has saved to go on with: the same tensors, and some counters.
TEST(KeptMemory, IsThatOfATrainersState) {
  Config config = small_training();
  for (const OptimizerKind optimizer : {OptimizerKind::kAdam, OptimizerKind::kMuon})
    for (const int64_t every : {0, 2}) {
      config.train.optimizer = optimizer;
      config.train.ema_snapshot_every = every;
      Trainer trainer = make_trainer(config);
      int64_t bytes = 0;
      for (const auto& [name, section] : trainer.checkpoint()) {
        const auto* const tensors = std::get_if<ValueDict>(&section.data);
        if (tensors == nullptr || !(name == "model" || name.starts_with("e"))) continue;
        for (const auto& [key, value] :
             *tensors)  // of model, ema, exp_avg, exp_avg_sq, ema_0.05, ...
          bytes += static_cast<int64_t>(std::get<at::Tensor>(value.data).nbytes());
      }
      EXPECT_EQ(kept_memory(config.train, trainer.network().parameters(), false, 0), bytes)
          << word_of(optimizer) << " " << every;
    }
}

}  // namespace
}  // namespace diffuse
