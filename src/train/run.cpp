#include "src/train/run.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iomanip>
#include <stdexcept>

#include "diffuse/core/error.h"
#include "loss_spike_detector.h"
#include "src/core/duration.h"
#include "src/core/log.h"
#include "src/core/progress.h"
#include "src/core/stop.h"

namespace fs = std::filesystem;

namespace diffuse {

// A reason to stop that is not a signal number.
static constexpr int64_t kTimeLimit = 1000;

// A run ends after this many updates in a row without finite gradients. float16's loss scale needs 16
// to fall from 65,536 to 1.
static constexpr int64_t kMostSkipped = 50;

// Every `every` steps, and at the end of a longer run; never if `every` is 0.
static bool due(int64_t step, int64_t every, int64_t steps) {
  return every > 0 && (step % every == 0 || (step == steps && step > every));
}

// Raises `longest` to the seconds since `begin`, after a decay of 10 %.
static void note(double& longest, double begin) {
  longest = std::max(0.9 * longest, seconds_now() - begin);
}

namespace {

// The state of the loop, with its parts as functions.
struct Loop {
  Trainer& trainer;
  const Dataset& held_out;
  const RunFolder* folder;  // null except on rank 0
  const RunHooks& hooks;
  Progress& progress;
  const TimeLimit& limit;
  int64_t saved_step;
  // The longest recent time of each.
  double save_seconds, update_seconds = 0, held_out_seconds = 0;
  std::string latest{};  // for the progress line
  LossSpikeDetector spikes{};

  // This rank's reason, before work of `next` seconds; 0 for none. There must be time for an update and save
  // before the next check, and for the last ones after it.
  int64_t reason_to_stop(double next) const {
    if (at_end()) return stop_signal();  // everything is saved
    const double end = seconds_now() + next + 2 * (update_seconds + save_seconds);
    return limit.end > 0 && end >= limit.end ? kTimeLimit : stop_signal();
  }

  int64_t agreed_reason(double next) const {
    return trainer.world().start_max([&] { return reason_to_stop(next); })();
  }

  bool at_end() const { return trainer.step() == trainer.config().train.steps; }

  // The number of consecutive skipped updates up to now; throws if it reaches `most`.
  int64_t count_skipped(int64_t most = kMostSkipped) {
    const int64_t in_row = trainer.skipped_in_row();
    if (in_row < most) return in_row;
    const std::string part = trainer.first_bad_part();
    throw std::runtime_error(concat("the last ", in_row, " updates up to step ", trainer.step(),
                                    " had non-finite gradients: ", part,
                                    "; the last checkpoint is ",
                                    "from before them; a lower /train/learning_rate may help"));
  }

  void report() {
    count_skipped();
    const bool whole = trainer.updates_since_report() >= trainer.config().train.log_every;
    const TrainReport report = trainer.report();
    latest = concat("loss ", std::setprecision(4), report.loss);
    if (!trainer.world().is_first()) return;
    if (report.skipped_lately > 0)
      log_warning(concat("step ", report.step, ": ", report.skipped_lately,
                         " updates skipped for non-finite gradients"));
    if (const double mean = spikes.mean(); whole && spikes.see(report.loss))
      log_warning(concat("step ", report.step, ": the loss is ", report.loss, ", up from ", mean));
    hooks.on_report(report);
  }

  void report_rest() {
    if (trainer.updates_since_report() > 0) report();
  }

  // Saves unless updates are being skipped: the run may have diverged, and its checkpoints would replace the
  // last good ones.
  void save_good() {
    if (count_skipped() == 0) save();
  }

  // At the end of a run, a single skipped update may be a float16 overflow. Throws if the run would end
  // without a checkpoint.
  void save_last() {
    const int64_t in_row = count_skipped(saved_step == 0 ? 2 : kMostSkipped);
    if (in_row <= 1) return save();
    log_warning(concat("step ", trainer.step(), ": not saved, as the last ", in_row,
                       " updates had non-finite gradients; the checkpoint of step ", saved_step,
                       " is kept"));
  }

  void save() {
    if (saved_step == trainer.step()) return;
    trainer.world().phase("saving", trainer.step());
    const double begin = seconds_now();
    const ValueDict checkpoint = trainer.checkpoint();
    if (folder != nullptr) folder->save(checkpoint, trainer.step(), trainer.config().train);
    note(save_seconds, begin);
    saved_step = trainer.step();
  }

  void save_snapshot() {
    trainer.world().phase("saving", trainer.step());
    const double begin = seconds_now();
    const ValueDict snapshot = trainer.snapshot();
    if (folder != nullptr) folder->save_snapshot(snapshot, trainer.step());
    note(save_seconds, begin);
  }

  // When data become unreadable, the run saves a checkpoint and ends. Several processes cannot save after one
  // of them has failed.
  template <class Work>
  void keeping_what_is_trained(const Work& work) {
    try {
      work();
    } catch (const Error&) {
      progress.clear();
      if (trainer.world().size() > 1) throw;
      save_last();
      report_rest();
      log_info(concat("stopped at step ", trainer.step(), "; continue with --resume"));
      throw;
    }
  }

  void evaluate() {
    const double begin = seconds_now();
    progress.clear();
    HeldOutLoss loss;
    keeping_what_is_trained([&] { loss = trainer.evaluate(held_out); });
    if (trainer.world().is_first()) hooks.on_held_out(trainer.step(), loss);
    note(held_out_seconds, begin);
  }

  void draw_samples() {
    progress.clear();
    trainer.world().phase("drawing samples", trainer.step());
    hooks.on_samples(trainer, [&] { return agreed_reason(0) != 0; });
  }

  // Saves model.pt also for a run of 0 steps, and for one resumed at its end without model.pt.
  void leave_model() {
    const auto lacks_model = [&] {
      return int64_t{folder != nullptr && !fs::exists(folder->path() / "model.pt")};
    };
    if (trainer.world().start_max(lacks_model)() == 0) return;
    saved_step = -1;
    save();
  }

  // Computes the validation loss and samples that are due, unless there is a reason to stop. Returns that
  // reason, which may have come up meanwhile.
  int64_t measure(int64_t reason) {
    const TrainConfig& config = trainer.config().train;
    const int64_t step = trainer.step();
    const auto goes_on = [&](const char* part, double seconds) {
      if (reason == 0) reason = agreed_reason(seconds);
      if (reason != 0) log_warning(concat("step ", step, ": no ", part, ", as the run has to end"));
      return reason == 0;
    };
    if (held_out.size() > 0 && due(step, config.eval_every, config.steps) &&
        goes_on("held-out loss", held_out_seconds))
      evaluate();
    if (due(step, config.sample_every, config.steps) && goes_on("samples", 0)) {
      draw_samples();
      reason = agreed_reason(0);
    }
    return reason;
  }

  void stop(int64_t reason) {
    progress.finish();
    save_last();
    report_rest();
    log_info(concat("stopped at step ", trainer.step(), " (",
                    reason == kTimeLimit ? "time limit" : signal_name(static_cast<int>(reason)),
                    "); continue with --resume"));
  }
};

}  // namespace

RunEnd run_training(Trainer& trainer, const Dataset& held_out, const RunFolder* folder,
                    const TimeLimit& limit, const RunHooks& hooks) {
  const TrainConfig& config = trainer.config().train;
  Progress progress({.total = config.steps, .start = trainer.step()});
  Loop loop{trainer, held_out, folder, hooks, progress, limit, trainer.step(), limit.save_seconds};
  while (trainer.step() < config.steps) {
    const double begin = seconds_now();
    const auto vote = trainer.world().start_max([&] { return loop.reason_to_stop(0); });
    loop.keeping_what_is_trained([&] { trainer.update(); });
    const int64_t step = trainer.step();
    const bool last = step == config.steps;
    if (config.ema_snapshot_every > 0 &&
        (last || due(step, config.ema_snapshot_every, config.steps)))
      loop.save_snapshot();
    if (due(step, config.log_every, config.steps) || last) loop.report();
    note(loop.update_seconds, begin);
    progress.update(step, loop.latest);
    if (last)
      loop.save_last();
    else if (due(step, config.checkpoint_every, config.steps))
      loop.save_good();
    const int64_t agreed = vote();
    const int64_t reason = loop.measure(last ? 0 : agreed);
    if (reason != 0 && !last) {
      loop.stop(reason);
      return RunEnd::kStopped;
    }
  }
  progress.finish();
  loop.leave_model();
  return RunEnd::kFinished;
}

}  // namespace diffuse
