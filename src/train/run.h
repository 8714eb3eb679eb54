// The training loop around Trainer: reports, held-out losses, samples, checkpoints, stopping.
#pragma once

#include <functional>

#include "diffuse/train/trainer.h"
#include "src/train/run_folder.h"

namespace diffuse {

// What the loop tells its owner, who decides where figures and pictures go.
struct RunHooks {
  std::function<void(const TrainReport&)> on_report;
  std::function<void(int64_t step, const HeldOutLoss&)> on_held_out;
  // `stop` asks all ranks whether the run has to end, and drawing with it: all must call it alike.
  std::function<void(Trainer&, const std::function<bool()>& stop)> on_samples;
};

// When a run has to have ended.
struct TimeLimit {
  double end = 0;           // on the clock of seconds_now(); 0: none
  double save_seconds = 0;  // what a save takes, as far as is known before the first
};

enum class RunEnd { kFinished, kStopped };

// Trains up to config.train.steps updates, saving as it goes. Stops early, with a checkpoint saved,
// after a signal (core/stop.h) or where the longest update and save seen would go past `limit`: with
// several processes whichever has a reason stops all, after the same update. A held-out loss and
// samples that are due then are left out. Only rank 0 has a folder and saves; only its hooks on_report
// and on_held_out are called, on_samples on all ranks.
// Updates whose gradients are not finite are left out and counted, and no checkpoint is saved until
// one is good again; but where a run stops or ends a single one is taken for a float16 overflow. After
// 50 in a row, or several at the end of a run that has no checkpoint, throws std::runtime_error that
// names the first layer with numbers that are not finite; so the last checkpoint is from before.
RunEnd run_training(Trainer& trainer, const Dataset& held_out, const RunFolder* folder,
                    const TimeLimit& limit, const RunHooks& hooks);

}  // namespace diffuse
