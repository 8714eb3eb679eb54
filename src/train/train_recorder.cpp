#include "src/train/train_recorder.h"

#include <ATen/Parallel.h>
#include <torch/version.h>

#include <cmath>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "diffuse/core/version.h"
#include "src/core/log.h"
#include "src/train/run_facts.h"

namespace fs = std::filesystem;

namespace diffuse {

TrainRecorder::TrainRecorder(const fs::path& folder, int64_t resume_step, const Config& config)
    : folder_(folder), metrics_(folder / "metrics.jsonl", resume_step), events_(folder) {
  events_.text("config", resume_step, "```json\n" + config_to_json(config) + "\n```");
  events_.hyperparameters(config_to_json(config));
  for (int64_t bin = 1; bin <= kTimestepBins; ++bin)
    bin_ends_.push_back(static_cast<double>(bin * config.diffusion.timesteps) / kTimestepBins);
}

static std::string precision_name(c10::ScalarType type) {
  return type == at::kBFloat16 ? "bf16" : type == at::kHalf ? "fp16" : "fp32";
}

void TrainRecorder::made_by(const std::string& command, Trainer& trainer) {
  write_run_facts(folder_, {.program = concat("diffuse ", kVersion),
                            .libtorch = TORCH_VERSION,
                            .command = command,
                            .device = concat(trainer.device()),
                            .precision = precision_name(trainer.precision()),
                            .processes = trainer.world().size(),
                            .threads = at::get_num_threads(),
                            .parameters = parameter_count(trainer.network())});
}

// Where the time of each rank went, in seconds per update, and who keeps the others waiting.
static void add_ranks(const TrainReport& r, std::vector<std::pair<std::string, double>>& values) {
  values.emplace_back("train/overlap", r.overlap);
  for (size_t rank = 0; rank < r.ranks.size(); ++rank) {
    const std::string name = concat("rank_", rank);
    values.emplace_back(name + "/data", r.ranks[rank].data);
    values.emplace_back(name + "/compute", r.ranks[rank].compute);
    values.emplace_back(name + "/communication", r.ranks[rank].communication);
  }
  for (const int64_t rank : stragglers(r.ranks))
    log_warning(concat("step ", r.step, ": rank ", rank, " delays the others: ", r.ranks[rank].data,
                       " s for data and ", r.ranks[rank].compute, " s of computation per update"));
}

void TrainRecorder::report(const TrainReport& r) {
  std::vector<std::pair<std::string, double>> values{
      {"train/loss", r.loss},
      {"train/gradient_norm", r.gradient_norm},
      {"train/learning_rate", r.learning_rate},
      {"train/samples_per_second", r.samples_per_second},
      {"train/data_wait", r.data_wait},
      {"train/skipped_steps", static_cast<double>(r.skipped_steps)}};
  if (r.ranks.size() > 1) add_ranks(r, values);
  events_.histogram("train/loss_by_timestep", r.step, bin_ends_, r.loss_by_timestep);
  write(r.step, values);
  log_debug(concat("step ", r.step, " loss ", r.loss, " gradient norm ", r.gradient_norm));
}

void TrainRecorder::held_out(int64_t step, const HeldOutLoss& h) {
  std::vector<std::pair<std::string, double>> values{{"held_out/loss", h.mean},
                                                     {"held_out/loss_stderr", h.standard_error}};
  std::vector<std::string> quarters;
  for (const double loss : h.by_quarter) {
    const bool known = !std::isnan(loss);  // unknown if a quarter has no items
    quarters.push_back(known ? concat(loss) : "-");
    if (known) values.emplace_back(concat("held_out/loss_t_quarter_", quarters.size()), loss);
  }
  write(step, values);
  log_info(concat("step ", step, ": held-out loss ", h.mean, " +- ", h.standard_error,
                  ", by quarter of t: ", join(quarters, " ")));
}

void TrainRecorder::samples(int64_t step, const Image& picture) {
  const fs::path file = folder_ / "samples" / concat("step-", step, ".png");
  write_png(file, picture);
  events_.image("samples", step, picture);
  events_.flush();
  log_info(concat("step ", step, ": samples in ", file.string()));
}

void TrainRecorder::write(int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  metrics_.write(step, values);
  for (const auto& [name, value] : values) events_.scalar(name, step, value);
  events_.flush();
}

}  // namespace diffuse
