#include "common.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "diffuse/config/config_json.h"
#include "diffuse/core/cores.h"
#include "diffuse/core/device.h"
#include "diffuse/core/duration.h"
#include "diffuse/core/error.h"
#include "diffuse/core/log.h"
#include "diffuse/core/standard_streams.h"
#include "diffuse/data/normalization.h"
#include "diffuse/diffusion/gaussian_diffusion.h"
#include "diffuse/files/atomic_write.h"
#include "diffuse/files/file.h"
#include "diffuse/model_file/model_files.h"
#include "diffuse/pictures/picture.h"

namespace diffuse::cli {

void MachineFlags::add_to(CLI::App& command) {
  command.add_option("--device", device, "auto, cpu, cuda or cuda:N")->group("Machine");
  command.add_option("--threads", threads, "CPU threads; 0 = all cores")
      ->check(CLI::Range(0, 4096))
      ->group("Machine");
  command.add_flag("-v,--verbose", verbose, "Log more")->group("Machine");
  command.add_flag("-q,--quiet", quiet, "Log warnings and errors only")->group("Machine");
}

std::string a_duration(const std::string& text) {
  try {
    parse_duration(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void add_peer_timeout(CLI::App& command, std::string& timeout) {
  command
      .add_option("--peer-timeout", timeout,
                  "Several processes: end the run when one makes no progress for so long")
      ->check(a_duration)
      ->group("Machine");
}

// CPU threads where --threads does not say: this process's share of the cores.
static void share_cores(const Launch& launch) {
  const auto cores = static_cast<int64_t>(available_cores());
  if (launch.size > 1 || launch.local_size > 1) {
    const int64_t sharers = std::max<int64_t>(launch.local_size, 1);
    const int64_t share = launch.cores > 0 ? launch.cores : std::max<int64_t>(cores / sharers, 1);
    set_thread_count(static_cast<int>(std::min(share, cores)));
  } else if (std::getenv("OMP_NUM_THREADS") == nullptr) {
    limit_thread_count(static_cast<int>(launch.cores > 0 ? std::min(launch.cores, cores) : cores));
  }
}

c10::Device MachineFlags::apply(const Launch& launch) const {
  if (launch.size > 1) set_log_prefix(concat("rank ", launch.rank));
  if (verbose) set_log_level(LogLevel::kDebug);
  if (quiet || (launch.rank > 0 && !verbose)) set_log_level(LogLevel::kWarning);
  if (threads > 0)
    set_thread_count(threads);
  else
    share_cores(launch);
  return select_device(device, launch.local_rank);
}

bool starts_with_json_path(std::string_view message) {
  for (const char* const section : {"/data", "/model", "/diffusion", "/train", "/sample"})
    if (message.starts_with(std::string(section) + "/")) return true;
  return false;
}

// The analytic model of a config file: there is nothing to train, so there is no checkpoint.
static Model analytic_model(const std::filesystem::path& file) {
  Model model;
  model.name = file.string();
  model.config = load_config(file);
  if (!model.config.model.type.ends_with("_oracle"))
    throw Error(file.string(), ": /model/type: a config stands for a checkpoint only when it is ",
                "gaussian_oracle or mixture_oracle, got \"", model.config.model.type,
                "\"; train it first");
  const auto data = make_dataset(model.config.data, Split::kHeldOut, model.config.seed);
  model.config.data = with_normalization(model.config.data, *data);
  model.config.model.sample_shape = data->sample_shape();
  model.network = in_config(file, [&] {
    return make_network(model.config.model, model.config.diffusion.learns_variance(),
                        GaussianDiffusion(model.config.diffusion).schedule().alpha_bar(), 0);
  });
  return model;
}

bool is_oracle(const std::filesystem::path& path) {
  return ending_of(path) == ".json" && !is_diffusers_model(path);
}

Model load_model(const std::filesystem::path& path, bool use_ema, c10::Device device) {
  Model model;
  if (is_oracle(path)) {
    model = analytic_model(path);
  } else {
    const Checkpoint checkpoint = load_model_file(path, {.use_ema = use_ema});
    model = {.name = checkpoint.file.string(),
             .config = checkpoint.config,
             .network = load_network(checkpoint, use_ema),
             .step = checkpoint.step};
  }
  if (!model.is_image()) model.config.sample.clip_x0 = false;
  model.network->to(device);
  model.network->eval();
  return model;
}

void want_plain_data(const DataConfig& data, const std::string& name, const std::string& what) {
  if (data.normalize || !data.range.empty())
    throw Error(what, ": ", name, " has data.", data.normalize ? "normalize = true" : "range",
                "; its units are not converted here yet, only those of samples drawn from noise");
}

void ModelFlags::add_to(CLI::App& command) {
  command
      .add_option("--ckpt", checkpoint,
                  "model.pt, a run folder, a diffusers folder, a .safetensors beside its "
                  "config.json, or an oracle's config")
      ->required();
  command.add_flag("--no-ema", no_ema, "Use the raw weights, not their moving average");
}

std::string json_text(const nlohmann::ordered_json& json, int indent) {
  return json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void write_report(const std::filesystem::path& json_target, const nlohmann::ordered_json& json,
                  const std::function<void()>& print_text, int indent) {
  if (json_target == "-") {
    std::cout << json_text(json, indent) << "\n";
    return;
  }
  if (json_target.empty() || !stdout_is_unread()) print_text();
  if (!json_target.empty()) atomic_write(json_target, json_text(json, indent) + "\n");
}

void print_path(const std::filesystem::path& file) {
  if (!stdout_is_unread()) std::cout << file.string() << "\n";
}

std::vector<std::pair<std::string, int64_t>> count_classes(const Dataset& set) {
  std::vector<std::pair<std::string, int64_t>> counts;
  for (const std::string& name : set.class_names()) counts.emplace_back(name, 0);
  if (!counts.empty())
    for (int64_t i = 0; i < set.size(); ++i) ++counts.at(set.label(i)).second;
  return counts;
}

void warn_of_prior(const NoiseSchedule& schedule) {
  constexpr double kLimit = 1e-3;  // from which sampling starts visibly off
  const double prior = schedule.prior_bits_per_dim(1);
  if (prior > kLimit)
    log_warning(concat("L_T is ", prior, " bits/dim, above ", kLimit, ": x_T keeps some of x_0, ",
                       "which sampling from N(0, I) cannot know; more timesteps or a larger ",
                       "beta_end lower it"));
}

// What a scatter plot of points reaches to.
static double plot_limit(const DataConfig& data) {
  double limit = 0;
  for (size_t i = 0; i < std::min<size_t>(data.mean.size(), 2); ++i)
    limit = std::max(limit, std::abs(data.mean[i]) + 3.5 * data.std[i]);
  return limit > 0 ? limit : 3.5;
}

Image picture_of(const at::Tensor& x, const DataConfig& data) {
  if (x.dim() == 3) return draw_signals(x);
  if (x.dim() == 2) return draw_points(x, plot_limit(data));
  return make_grid(to_picture_range(x, data));
}

}  // namespace diffuse::cli
