// A training of a second.
#pragma once

#include "diffuse/config/config_json.h"
#include "diffuse/train/trainer.h"

namespace diffuse {

// A UNet of a few thousand parameters on small drawn shapes; dropout, flips, EMA and accumulation on.
inline Config small_training() {
  return parse_config(R"({
    "seed": 5,
    "data": {"type": "shapes", "image_size": 8, "count": 40, "horizontal_flip": true},
    "model": {"class_conditional": true, "channels": 8, "channel_multipliers": [1, 2],
              "blocks_per_level": 1, "norm_groups": 4,
              "attention_resolutions": [4], "dropout": 0.2},
    "diffusion": {"timesteps": 50},
    "train": {"steps": 8, "batch_size": 6, "micro_batch": 3, "learning_rate": 0.01,
              "warmup_steps": 3, "learning_rate_schedule": "cosine", "eval_samples": 8}})",
                      "test");
}

inline Trainer make_trainer(const Config& config,
                            std::shared_ptr<World> world = std::make_shared<World>()) {
  return Trainer(config, make_dataset(config.data, Split::kTrain, config.seed), at::kCPU,
                 std::move(world));
}

}  // namespace diffuse
