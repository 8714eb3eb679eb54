#include "diffuse/train/run.h"

#include <cmath>
#include <iomanip>
#include <stdexcept>

#include "diffuse/core/duration.h"
#include "diffuse/core/error.h"
#include "diffuse/core/log.h"
#include "diffuse/core/progress.h"
#include "diffuse/core/stop.h"
#include "diffuse/train/spike_watch.h"

namespace diffuse {

// A reason to stop that is no signal's number.
static constexpr int64_t kTimeLimit = 1000;

// Updates without finite gradients, one after the other, that end a run. float16's loss scale needs 16
// to come down from 65,536 to 1.
static constexpr int64_t kMostSkipped = 50;

// Every so many steps, and at the end of a run that is longer than that; never where `every` is 0.
static bool due(int64_t step, int64_t every, int64_t steps) {
  return every > 0 && (step % every == 0 || (step == steps && step > every));
}

namespace {

// The loop's parts that share what the loop works on.
struct Loop {
  Trainer& trainer;
  const Dataset& held_out;
  const RunFolder* folder;  // null but on rank 0
  const RunHooks& hooks;
  Progress& progress;
  std::string latest;       // for the progress line
  double save_seconds = 0;  // how long the last save took
  int64_t saved_step = -1;
  SpikeWatch spikes{};

  // Updates left out one after the other up to now; throws where they are too many.
  int64_t count_skipped() {
    const int64_t in_row = trainer.skipped_in_row();
    if (in_row < kMostSkipped) return in_row;
    const std::string part = trainer.first_bad_part();
    throw std::runtime_error(concat("the last ", in_row, " updates up to step ", trainer.step(),
                                    " had no finite gradients: ", part, "; the last checkpoint is ",
                                    "from before, a lower /train/learning_rate may help"));
  }

  void report() {
    count_skipped();
    const TrainReport report = trainer.report();
    latest = concat("loss ", std::setprecision(4), report.loss);
    if (!trainer.world().is_first()) return;
    if (report.skipped_lately > 0)
      log_warning(concat("step ", report.step, ": ", report.skipped_lately,
                         " updates left out for gradients that were not finite"));
    if (const double mean = spikes.mean(); spikes.see(report.loss))
      log_warning(concat("step ", report.step, ": the loss is ", report.loss, ", it was ", mean));
    hooks.on_report(report);
  }

  // Not in the middle of updates that are left out: they may be the first of a run that has diverged,
  // whose checkpoints would take the place of the last good ones.
  void save_good() {
    if (count_skipped() == 0 || trainer.step() == trainer.config().train.steps) save();
  }

  void save() {
    if (saved_step == trainer.step()) return;
    trainer.world().phase("saving", trainer.step());
    const double begin = seconds_now();
    const ValueDict checkpoint = trainer.checkpoint();
    if (folder != nullptr) folder->save(checkpoint, trainer.step(), trainer.config().train);
    save_seconds = seconds_now() - begin;
    saved_step = trainer.step();
  }

  void evaluate() {
    progress.clear();
    const HeldOutLoss loss = trainer.evaluate(held_out);
    if (trainer.world().is_first()) hooks.on_held_out(trainer.step(), loss);
  }

  void draw_samples() {
    progress.clear();
    trainer.world().phase("drawing samples", trainer.step());
    hooks.on_samples(trainer);
  }

  void stop(int64_t reason) {
    progress.finish();
    save();
    log_info(concat("stopped at step ", trainer.step(), " (",
                    reason == kTimeLimit ? "time limit" : signal_name(static_cast<int>(reason)),
                    "); continue with --resume"));
  }
};

}  // namespace

RunEnd run_training(Trainer& trainer, const Dataset& held_out, const RunFolder* folder,
                    double time_limit, const RunHooks& hooks) {
  const double begin = seconds_now();
  const TrainConfig& config = trainer.config().train;
  Progress progress({.total = config.steps, .start = trainer.step()});
  Loop loop{trainer, held_out, folder, hooks, progress, {}, 0, trainer.step()};
  const auto reason_to_stop = [&]() -> int64_t {
    if (time_limit > 0 && seconds_now() - begin + 2 * loop.save_seconds >= time_limit)
      return kTimeLimit;
    return stop_signal();
  };
  while (trainer.step() < config.steps) {
    const auto agreed_reason = trainer.world().start_max(reason_to_stop);
    trainer.update();
    const int64_t step = trainer.step();
    const bool last = step == config.steps;
    if (due(step, config.log_every, config.steps) || last) loop.report();
    progress.update(step, loop.latest);
    if (due(step, config.checkpoint_every, config.steps) || last) loop.save_good();
    if (due(step, config.eval_every, config.steps)) loop.evaluate();
    if (due(step, config.sample_every, config.steps)) loop.draw_samples();
    if (const int64_t reason = agreed_reason(); reason != 0 && !last) {
      loop.stop(reason);
      return RunEnd::kStopped;
    }
  }
  progress.finish();
  return RunEnd::kFinished;
}

}  // namespace diffuse
