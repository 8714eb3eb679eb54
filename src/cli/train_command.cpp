// diffuse train: flags -> config -> the parts of a run, wired together.
#include <ATen/ATen.h>

#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>
#include <stdexcept>

#include "commands.h"
#include "common.h"
#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "diffuse/distributed/world.h"
#include "src/core/device.h"
#include "src/core/duration.h"
#include "src/core/log.h"
#include "src/core/stop.h"
#include "src/data/normalization.h"
#include "src/files/atomic_write.h"
#include "src/train/initial_weights.h"
#include "src/train/out_folder.h"
#include "src/train/resume.h"
#include "src/train/run.h"
#include "src/train/run_facts.h"
#include "src/train/run_warnings.h"
#include "src/train/sample_grid.h"
#include "src/train/train_data.h"
#include "src/train/train_recorder.h"
#include "train_plan.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct TrainFlags {
  fs::path config, init, out;
  std::vector<std::string> overrides;
  CLI::Option* resume_option = nullptr;
  fs::path resume;
  bool dry_run = false;
  std::string time_limit, peer_timeout = "10m";
  std::optional<uint64_t> seed;
  MachineFlags machine;
};

// ", 4 processes", if there are several.
std::string processes(const World& world) {
  return world.size() == 1 ? "" : concat(", ", world.size(), " processes");
}

// Counted from now: loading data and meeting the other processes are part of it.
TimeLimit time_limit(const TrainFlags& flags) {
  const double seconds = flags.time_limit.empty() ? 0 : parse_duration(flags.time_limit);
  return {.end = seconds > 0 ? seconds_now() + seconds : 0};
}

fs::path out_folder(const TrainFlags& flags) {
  if (!flags.out.empty()) return flags.out;
  if (!flags.config.empty()) return fs::path("runs") / flags.config.stem();
  const bool in_run = flags.init.filename() == "model.pt" && flags.init.has_parent_path();
  return fs::path("runs") / ((in_run ? flags.init.parent_path() : flags.init).stem() += "-tuned");
}

// The command for a run's report.
std::string command_of(const TrainFlags& flags) {
  std::string text = "diffuse train";
  for (const auto& [flag, file] : {std::pair("--config", flags.config), {"--init", flags.init}})
    if (!file.empty()) text += concat(" ", flag, " ", shell_word(file.string()));
  for (const std::string& value : flags.overrides) text += " --set " + shell_word(value);
  if (flags.seed) text += concat(" --seed ", *flags.seed);
  return text + " --out " + shell_word(out_folder(flags).string());
}

// The checks of the folder that do not need the data.
void check_out(const TrainFlags& flags, const DataConfig& data) {
  const fs::path out = out_folder(flags);
  check_run_folder(out, data);
  if (!flags.dry_run && flags.resume_option->count() == 0) check_untrained(out);
  for (const auto& [flag, file] : {std::pair("--resume", flags.resume), {"--init", flags.init}})
    if (!file.empty() && !fs::exists(file))
      throw Error(flag, " ", file.string(), ": no such checkpoint");
  if (!flags.resume.empty() && !flags.init.empty())
    throw Error("--init: expected without --resume ", flags.resume.string(),
                ", where training goes on");
}

// Connects the ranks and checks that their configs agree.
std::shared_ptr<World> make_world(const TrainFlags& flags, const Launch& launch, c10::Device device,
                                  const Config& config) {
  auto world = std::make_shared<World>(launch, device, parse_duration(flags.peer_timeout));
  world->check_same("config", config_to_json(config));
  return world;
}

// What training continues from, and what has changed since.
void log_start(const Checkpoint& checkpoint, const Trainer& trainer) {
  const std::string file = checkpoint.file.string();
  if (!holds_training(checkpoint))
    return log_info(concat("starting from the weights of ", file, " at step 0"));
  const int64_t steps = trainer.config().train.steps;
  if (trainer.step() > steps)
    throw Error("/train/steps: ", file, " is at step ", trainer.step(), " already, after the ",
                steps, " of the config");
  log_info(concat("continuing from ", file, " at step ", trainer.step()));
  const std::string changes = changed_settings(trainer.config(), checkpoint);
  if (!changes.empty()) log_warning(concat("other settings than ", file, " has: ", changes));
}

// Rank 0's folder, and the checkpoint in it that all ranks continue from. `seconds` is set to the time of
// reading it on rank 0, an estimate for a save.
std::unique_ptr<RunFolder> open_folder(const TrainFlags& flags, Trainer& trainer, double& seconds) {
  std::unique_ptr<RunFolder> folder;
  std::optional<Checkpoint> checkpoint;
  const auto read = [&](const fs::path& file) {
    const double begin = seconds_now();
    checkpoint = read_to_resume(file);
    seconds = seconds_now() - begin;
  };
  const auto begin_anew = [&] {
    if (!flags.init.empty())
      checkpoint = initial_weights(flags.init, trainer.config(), trainer.network());
  };
  if (trainer.world().is_first()) {
    if (!flags.resume.empty()) {  // before the folder is created
      read(flags.resume);
      check_same_model(trainer.config(), *checkpoint);
    }
    const bool resumes = flags.resume_option->count() > 0;
    if (!resumes) begin_anew();
    folder = std::make_unique<RunFolder>(out_folder(flags), usual_patience());
    if (!resumes) check_untrained(folder->path());
    if (resumes && !checkpoint) {
      const fs::path newest = newest_checkpoint(folder->path());
      if (newest.empty()) log_info("nothing to resume yet: starting from step 0");
      newest.empty() ? begin_anew() : read(newest);
    }
  }
  trainer.restore(checkpoint);
  if (checkpoint) log_start(*checkpoint, trainer);
  if (folder) atomic_write(folder->path() / "config.json", config_to_json(trainer.config()));
  return folder;
}

// Calls `train` after flags, config, data and folder were checked: an Error is now the disk's or the
// network's, not bad use, and another try may work.
template <class Train>
RunEnd once_started(const Train& train) {
  try {
    return train();
  } catch (const Error& error) {
    throw std::runtime_error(error.what());
  } catch (const fs::filesystem_error& error) {
    throw std::runtime_error(concat(error.path1().string(), ": ", error.code().message()));
  }
}

// Trains, and records the run in rank 0's folder.
int train(const TrainFlags& flags, Trainer& trainer, const Dataset& data, const Dataset& held_out,
          TimeLimit limit) {
  const auto folder = open_folder(flags, trainer, limit.save_seconds);
  std::optional<TrainRecorder> recorder;
  if (folder) recorder.emplace(folder->path(), trainer.step(), trainer.config());
  if (folder) recorder->made_by(command_of(flags), trainer);
  if (folder) warn_of_run(trainer, held_out);
  const Config& config = trainer.config();
  if (folder && config.data.normalize && config.sample.dynamic_threshold > 0)
    log_warning(
        "/sample/dynamic_threshold rescales samples to [-1, 1], but normalised data exceed it");
  log_info(concat("training ", config.model.type, " (", parameter_count(trainer.network()),
                  " parameters) on ", data.size(), " items of ", config.data.type, ", ",
                  config.train.steps, " steps of ", config.train.batch_size, ", on ",
                  trainer.device(), processes(trainer.world()),
                  folder ? "; results in " + folder->path().string() : ""));
  const RunEnd end = once_started([&] {
    return run_training(
        trainer, held_out, folder.get(), limit,
        {.on_report = [&](const TrainReport& r) { recorder->report(r); },
         .on_held_out = [&](int64_t step, const HeldOutLoss& h) { recorder->held_out(step, h); },
         .on_samples =
             [&](Trainer& t, const std::function<bool()>& stop) {
               const SampleGrid grid = draw_sample_grid(t, held_out, stop);
               if (recorder && grid.x.defined())
                 recorder->samples(t.step(), picture_of(grid, t.config()));
             }});
  });
  if (folder) print_path(folder->path() / "model.pt");
  return end == RunEnd::kFinished ? kGood : kStoppedEarly;
}

int run_train(const TrainFlags& flags) {
  TimeLimit limit = time_limit(flags);
  const Launch launch = launch_from_environment();
  const c10::Device device = flags.machine.apply(launch);
  if (flags.config.empty() && flags.init.empty()) {
    const fs::path run = !flags.out.empty() ? flags.out : flags.resume, own = run / "config.json";
    throw Error("--config: expected a JSON config, ",
                !run.empty() && fs::exists(own)
                    ? "as the run's own, " + own.string()
                    : std::string("or --init MODEL, whose own is then used"));
  }
  Config config = flags.config.empty() ? config_of_model(flags.init, flags.overrides)
                                       : load_config(flags.config, flags.overrides);
  if (flags.seed) config.seed = *flags.seed;
  install_stop_handlers();
  const auto world = make_world(flags, launch, device, config);
  if (world->is_first()) check_out(flags, config.data);
  const fs::path& source = flags.config.empty() ? flags.init : flags.config;
  const auto [data, held_out] = in_config(source, [&] { return open_train_data(config); });
  const int64_t memory = in_config(source, [&, train = data] {
    return flags.dry_run ? predicted_memory(config, train, device, *world) : 0;
  });
  const auto owner = in_config(source, [&, train = data] {
    return std::make_unique<Trainer>(config, train, device, world);
  });
  Trainer& trainer = *owner;
  log_classes(*data, world->is_first() && config.model.class_conditional);
  if (flags.dry_run) {
    if (world->is_first()) warn_of_run(trainer, *held_out);
    if (world->is_first()) print_plan(trainer, *data, *held_out, memory);
    return kGood;
  }
  return train(flags, trainer, *data, *held_out, limit);
}

}  // namespace

Command add_train(CLI::App& app) {
  auto flags = std::make_shared<TrainFlags>();
  CLI::App* command = app.add_subcommand("train", "Train the model described by a JSON config");
  command->footer(
      "Examples:\n"
      "  diffuse train --config configs/shapes.json\n"
      "  diffuse train --config configs/cifar.json --set data.path=/data/cifar --out runs/cifar\n"
      "  diffuse train --config configs/cifar.json --out runs/cifar --resume --time-limit 3h50m\n"
      "  diffuse train --init runs/cifar --set data.path=/data/cats --out runs/cats\n"
      "Exit codes: 0 done, 1 failed, 2 bad use or config, 75 stopped early with a checkpoint "
      "saved.");
  command->add_option("--config", flags->config,
                      "JSON config (see `diffuse schema`); default: that of --init");
  command->add_option("--init", flags->init,
                      "Start from the averaged weights of a model (model.pt, a run folder, a "
                      "diffusers folder, .safetensors); what fits of other channels and classes");
  command->add_option("--set", flags->overrides, "Override a value of the config: train.steps=1000")
      ->allow_extra_args(false);
  command->add_option("--out", flags->out, "Run folder; default: runs/<name of the config>");
  flags->resume_option =
      command
          ->add_option("--resume", flags->resume,
                       "Continue from this checkpoint, or from the run folder's newest; a "
                       "converted or diffusers model starts a new optimiser")
          ->expected(0, 1);
  command->add_flag("--dry-run", flags->dry_run,
                    "Check everything, print the plan and the memory needed, train nothing");
  command
      ->add_option("--time-limit", flags->time_limit,
                   "Save a checkpoint and stop before this time: 3h50m, 90s")
      ->check(a_duration);
  add_peer_timeout(*command, flags->peer_timeout);
  command->add_option("--seed", flags->seed, "Overrides the config's seed");
  flags->machine.add_to(*command);
  return [flags] { return run_train(*flags); };
}

}  // namespace diffuse::cli
