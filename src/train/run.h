// The training loop around Trainer: reports, validation losses, samples, checkpoints, stopping.
#pragma once

#include <functional>

#include "diffuse/train/trainer.h"
#include "src/train/run_folder.h"

namespace diffuse {

// Callbacks of the loop; its owner writes figures and pictures.
struct RunHooks {
  std::function<void(const TrainReport&)> on_report;
  std::function<void(int64_t step, const HeldOutLoss&)> on_held_out;
  // `stop` asks all ranks whether the run, and the sampling, must end: all ranks must call it equally often.
  std::function<void(Trainer&, const std::function<bool()>& stop)> on_samples;
};

// The latest end of a run.
struct TimeLimit {
  double end = 0;           // on the clock of seconds_now(); 0 = none
  double save_seconds = 0;  // estimated time of a save before the first one
};

enum class RunEnd { kFinished, kStopped };

// Trains up to config.train.steps updates and saves checkpoints. Stops early, with a checkpoint saved, after
// a signal (core/stop.h) or if the longest recent update and save would exceed `limit`. With several
// processes, a reason on any rank stops all after the same update. A validation loss or samples due then are
// skipped. Only rank 0 has a folder and saves; the hooks on_report and on_held_out are called on rank 0,
// on_samples on all ranks.
// Updates with non-finite gradients are skipped and counted, and no checkpoint is saved until the next good
// update; a single skipped update at the end of a run is treated as a float16 overflow. After 50 in a row, or
// several at the end of a run without a checkpoint, throws std::runtime_error naming the first layer with
// non-finite numbers, so the last checkpoint is from before them.
RunEnd run_training(Trainer& trainer, const Dataset& held_out, const RunFolder* folder,
                    const TimeLimit& limit, const RunHooks& hooks);

}  // namespace diffuse
