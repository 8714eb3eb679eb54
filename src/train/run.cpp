#include "diffuse/train/run.h"

#include <chrono>
#include <cmath>
#include <iomanip>
#include <stdexcept>

#include "diffuse/core/duration.h"
#include "diffuse/core/error.h"
#include "diffuse/core/log.h"
#include "diffuse/core/progress.h"
#include "diffuse/core/stop.h"

namespace diffuse {

using Clock = std::chrono::steady_clock;

static double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Every so many steps, and at the end of a run that is longer than that; never where `every` is 0.
static bool due(int64_t step, int64_t every, int64_t steps) {
  return every > 0 && (step % every == 0 || (step == steps && step > every));
}

namespace {

// The loop's parts that share what the loop works on.
struct Loop {
  Trainer& trainer;
  const Dataset& held_out;
  const RunFolder& folder;
  const RunHooks& hooks;
  Progress& progress;
  std::string latest;       // for the progress line
  double save_seconds = 0;  // how long the last save took
  int64_t saved_step = -1;

  void report() {
    const TrainReport report = trainer.report();
    if (!std::isfinite(report.loss))
      throw std::runtime_error(
          concat("no update up to step ", report.step,
                 " had finite gradients: the run has diverged; the last checkpoint is ",
                 (folder.path() / "model.pt").string(), ", a lower /train/learning_rate may help"));
    latest = concat("loss ", std::setprecision(4), report.loss);
    hooks.on_report(report);
  }

  void save() {
    if (saved_step == trainer.step()) return;
    const auto begin = Clock::now();
    folder.save(trainer.checkpoint(), trainer.step(), trainer.config().train);
    save_seconds = seconds_since(begin);
    saved_step = trainer.step();
  }

  void evaluate() {
    progress.clear();
    hooks.on_held_out(trainer.step(), trainer.evaluate(held_out));
  }

  void draw_samples() {
    progress.clear();
    hooks.on_samples(trainer);
  }
};

}  // namespace

RunEnd run_training(Trainer& trainer, const Dataset& held_out, const RunFolder& folder,
                    double time_limit, const RunHooks& hooks) {
  const auto begin = Clock::now();
  const TrainConfig& config = trainer.config().train;
  Progress progress({.total = config.steps, .start = trainer.step()});
  Loop loop{trainer, held_out, folder, hooks, progress, {}, 0, trainer.step()};
  const auto out_of_time = [&] {
    return time_limit > 0 && seconds_since(begin) + 2 * loop.save_seconds >= time_limit;
  };
  while (trainer.step() < config.steps) {
    if (stop_requested() || out_of_time()) {
      progress.finish();
      loop.save();
      log_info(concat("stopped at step ", trainer.step(), " (",
                      stop_requested() ? stop_reason() : "time limit",
                      "); continue with --resume"));
      return RunEnd::kStopped;
    }
    trainer.update();
    const int64_t step = trainer.step();
    const bool last = step == config.steps;
    if (due(step, config.log_every, config.steps) || last) loop.report();
    progress.update(step, loop.latest);
    if (due(step, config.checkpoint_every, config.steps) || last) loop.save();
    if (due(step, config.eval_every, config.steps)) loop.evaluate();
    if (due(step, config.sample_every, config.steps)) loop.draw_samples();
  }
  progress.finish();
  return RunEnd::kFinished;
}

}  // namespace diffuse
