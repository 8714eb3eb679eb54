// The training loop around Trainer: reports, held-out losses, samples, checkpoints, stopping.
#pragma once

#include <functional>

#include "diffuse/train/run_folder.h"
#include "diffuse/train/trainer.h"

namespace diffuse {

// What the loop tells its owner, who decides where figures and pictures go.
struct RunHooks {
  std::function<void(const TrainReport&)> on_report;
  std::function<void(int64_t step, const HeldOutLoss&)> on_held_out;
  std::function<void(Trainer&)> on_samples;
};

enum class RunEnd { kFinished, kStopped };

// Trains up to config.train.steps updates, saving as it goes. Stops early, with a checkpoint saved,
// after a signal (core/stop.h) or when `time_limit` seconds (0 = none) are about to run out: with
// several processes whichever has a reason stops all, after the same update. Only rank 0 has a
// folder and saves; only its hooks on_report and on_held_out are called, on_samples on all ranks.
// Updates whose gradients are not finite are left out and counted, and no checkpoint is saved until
// one is good again. After 50 in a row, throws std::runtime_error that names the first layer with
// numbers that are not finite; so the last checkpoint is from before.
RunEnd run_training(Trainer& trainer, const Dataset& held_out, const RunFolder* folder,
                    double time_limit, const RunHooks& hooks);

}  // namespace diffuse
