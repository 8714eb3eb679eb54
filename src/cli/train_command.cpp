// diffuse train: flags -> config -> the parts of a run, wired together.
#include <filesystem>
#include <iostream>
#include <optional>

#include "commands.h"
#include "common.h"
#include "diffuse/config/config_json.h"
#include "diffuse/core/device.h"
#include "diffuse/core/duration.h"
#include "diffuse/core/error.h"
#include "diffuse/core/log.h"
#include "diffuse/core/stop.h"
#include "diffuse/io/atomic_write.h"
#include "diffuse/io/metrics_log.h"
#include "diffuse/io/tensorboard.h"
#include "diffuse/sample/generate.h"
#include "diffuse/train/run.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct TrainFlags {
  fs::path config, out;
  std::vector<std::string> overrides;
  CLI::Option* resume_option = nullptr;
  fs::path resume;
  bool dry_run = false;
  std::string time_limit;
  std::optional<uint64_t> seed;
  MachineFlags machine;
};

// Figures and pictures of a run: metrics.jsonl, TensorBoard events, samples/step-N.png, the log.
class Recorder {
 public:
  Recorder(const fs::path& folder, int64_t resume_step, const Config& config)
      : folder_(folder), metrics_(folder / "metrics.jsonl", resume_step), events_(folder) {
    events_.text("config", resume_step, "```json\n" + config_to_json(config) + "\n```");
  }

  void report(const TrainReport& r) {
    write(r.step, {{"train/loss", r.loss},
                   {"train/gradient_norm", r.gradient_norm},
                   {"train/learning_rate", r.learning_rate},
                   {"train/samples_per_second", r.samples_per_second},
                   {"train/data_wait", r.data_wait},
                   {"train/skipped_steps", static_cast<double>(r.skipped_steps)}});
    log_debug(concat("step ", r.step, " loss ", r.loss, " gradient norm ", r.gradient_norm));
  }

  void held_out(int64_t step, const HeldOutLoss& h) {
    write(step, {{"held_out/loss", h.mean},
                 {"held_out/loss_stderr", h.standard_error},
                 {"held_out/loss_t_quarter_1", h.by_quarter[0]},
                 {"held_out/loss_t_quarter_2", h.by_quarter[1]},
                 {"held_out/loss_t_quarter_3", h.by_quarter[2]},
                 {"held_out/loss_t_quarter_4", h.by_quarter[3]}});
    log_info(concat("step ", step, ": held-out loss ", h.mean, " +- ", h.standard_error,
                    ", by quarter of t: ", h.by_quarter[0], " ", h.by_quarter[1], " ",
                    h.by_quarter[2], " ", h.by_quarter[3]));
  }

  void samples(Trainer& trainer) {
    const Config& config = trainer.config();
    const GenerateOptions options{
        .sampler = sampler_options(config.sample, config.diffusion.timesteps),
        .shape = config.model.sample_shape,
        .labels = round_robin_labels(config.sample.grid, config.model.classes),
        .classes = config.model.classes,
        .guidance = config.sample.guidance,
        .device = trainer.device(),
        .precision = trainer.precision()};
    const EmaScope averaged(trainer.ema());
    const auto keys = consecutive_keys(config.seed, 0, config.sample.grid);
    const at::Tensor x =
        generate(trainer.network(), trainer.diffusion(), keys, options).to(at::kCPU);
    const Image picture = picture_of(x);
    const fs::path file = folder_ / "samples" / concat("step-", trainer.step(), ".png");
    write_png(file, picture);
    events_.image("samples", trainer.step(), picture);
    events_.flush();
    log_info(concat("step ", trainer.step(), ": samples in ", file.string()));
  }

 private:
  void write(int64_t step, const std::vector<std::pair<std::string, double>>& values) {
    metrics_.write(step, values);
    for (const auto& [name, value] : values) events_.scalar(name, step, value);
    events_.flush();
  }

  fs::path folder_;
  MetricsLog metrics_;
  TensorBoardWriter events_;
};

// The checkpoint to continue from: the one named, else the run folder's newest, if it has one.
fs::path resume_file(const TrainFlags& flags, const RunFolder& folder) {
  if (flags.resume_option->count() == 0) {
    if (folder.has_model())
      throw Error(
          "--out ", folder.path().string(),
          ": holds a trained model already; continue it with --resume, or name another folder");
    return {};
  }
  if (!flags.resume.empty()) return flags.resume;
  const fs::path newest = newest_checkpoint(folder.path());
  if (newest.empty()) log_info("nothing to resume yet: starting from step 0");
  return newest;
}

void print_plan(Trainer& trainer, const Dataset& data, const Dataset& held_out) {
  const Config& config = trainer.config();
  std::cout << "model       " << config.model.type << ", " << parameter_count(trainer.network())
            << " parameters\n"
            << "data        " << config.data.type << ", " << data.size() << " items of "
            << c10::IntArrayRef(config.model.sample_shape) << ", " << held_out.size()
            << " held out\n"
            << "train       " << config.train.steps << " steps of " << config.train.batch_size
            << "\n"
            << "device      " << trainer.device() << "\n";
}

int run_train(const TrainFlags& flags) {
  const double time_limit = flags.time_limit.empty() ? 0 : parse_duration(flags.time_limit);
  const c10::Device device = flags.machine.apply();
  Config config = load_config(flags.config, flags.overrides);
  if (flags.seed) config.seed = *flags.seed;
  const auto [data, held_out] = in_config(flags.config, [&] {
    return std::pair(make_dataset(config.data, Split::kTrain, config.seed),
                     make_dataset(config.data, Split::kHeldOut, config.seed));
  });
  const auto owner =
      in_config(flags.config, [&] { return std::make_unique<Trainer>(config, data, device); });
  Trainer& trainer = *owner;
  if (flags.dry_run) {
    print_plan(trainer, *data, *held_out);
    return kGood;
  }
  const RunFolder folder(flags.out.empty() ? fs::path("runs") / flags.config.stem() : flags.out);
  const fs::path resume = resume_file(flags, folder);
  if (!resume.empty()) {
    trainer.restore(load_checkpoint(resume));
    log_info(concat("continuing from ", resume.string(), " at step ", trainer.step()));
  }
  warn_of_prior(trainer.diffusion().schedule());
  install_stop_handlers();
  atomic_write(folder.path() / "config.json", config_to_json(trainer.config()) + "\n");
  Recorder recorder(folder.path(), trainer.step(), trainer.config());
  log_info(concat("training ", config.model.type, " (", parameter_count(trainer.network()),
                  " parameters) on ", data->size(), " items of ", config.data.type, ", ",
                  config.train.steps, " steps of ", config.train.batch_size, ", on ", device,
                  "; results in ", folder.path().string()));
  const RunEnd end = run_training(
      trainer, *held_out, folder, time_limit,
      {.on_report = [&](const TrainReport& r) { recorder.report(r); },
       .on_held_out = [&](int64_t step, const HeldOutLoss& h) { recorder.held_out(step, h); },
       .on_samples = [&](Trainer& t) { recorder.samples(t); }});
  std::cout << (folder.path() / "model.pt").string() << "\n";
  return end == RunEnd::kFinished ? kGood : kStoppedEarly;
}

}  // namespace

Command add_train(CLI::App& app) {
  auto flags = std::make_shared<TrainFlags>();
  CLI::App* command = app.add_subcommand("train", "Train the model a JSON config describes");
  command->footer(
      "Examples:\n"
      "  diffuse train --config configs/shapes.json\n"
      "  diffuse train --config configs/cifar.json --set data.path=/data/cifar --out runs/cifar\n"
      "  diffuse train --config configs/cifar.json --out runs/cifar --resume --time-limit 3h50m\n"
      "Exit codes: 0 done, 1 failed, 2 bad use or config, 75 stopped early with a checkpoint "
      "saved.");
  command->add_option("--config", flags->config, "JSON config (see `diffuse schema`)")->required();
  command->add_option("--set", flags->overrides, "Override a value of the config: train.steps=1000")
      ->allow_extra_args(false);
  command->add_option("--out", flags->out, "Run folder; default runs/<name of the config>");
  flags->resume_option =
      command
          ->add_option("--resume", flags->resume,
                       "Continue from this checkpoint, or from the run folder's newest")
          ->expected(0, 1);
  command->add_flag("--dry-run", flags->dry_run, "Check everything, print the plan, train nothing");
  command->add_option("--time-limit", flags->time_limit,
                      "Stop in time with a checkpoint saved: 3h50m, 90s");
  command->add_option("--seed", flags->seed, "Overrides the config's seed");
  flags->machine.add_to(*command);
  return [flags] { return run_train(*flags); };
}

}  // namespace diffuse::cli
