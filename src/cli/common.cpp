#include "common.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "diffuse/core/error.h"
#include "src/core/cores.h"
#include "src/core/device.h"
#include "src/core/duration.h"
#include "src/core/json_text.h"
#include "src/core/log.h"
#include "src/core/standard_streams.h"
#include "src/files/atomic_write.h"

namespace diffuse::cli {

void LogFlags::add_to(CLI::App& command) {
  command.add_flag("-v,--verbose", verbose, "Log more")->group("Machine");
  command.add_flag("-q,--quiet", quiet, "Log warnings and errors only")->group("Machine");
}

void LogFlags::apply() const {
  if (verbose) set_log_level(LogLevel::kDebug);
  if (quiet) set_log_level(LogLevel::kWarning);
}

void MachineFlags::add_to(CLI::App& command, const char* devices) {
  command.add_option("--device", device, devices)->group("Machine");
  command.add_option("--threads", threads, "CPU threads; 0 = all cores")
      ->check(CLI::Range(0, 4096))
      ->group("Machine");
  log.add_to(command);
}

void CpuFlags::apply() const {
  if (!contains({"auto", "cpu"}, device))
    throw Error("--device: expected auto or cpu, as this command needs no GPU, got ", device);
  log.apply();
  set_thread_count(threads);
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
                  "Several processes: end the run if one makes no progress for this long")
      ->check(a_duration)
      ->group("Machine");
}

// CPU threads without --threads.
static void share_cores(const Launch& launch) {
  const auto cores = static_cast<int>(core_share(launch, available_cores()));
  if (launch.size > 1)
    set_thread_count(cores);
  else if (std::getenv("OMP_NUM_THREADS") == nullptr)
    limit_thread_count(cores);
}

c10::Device MachineFlags::apply(const Launch& launch) const {
  if (launch.size > 1) set_log_prefix(concat("rank ", launch.rank));
  log.apply();
  if (launch.rank > 0 && !log.verbose) set_log_level(LogLevel::kWarning);
  if (threads > 0)
    set_thread_count(threads);
  else
    share_cores(launch);
  return select_device(device, launch.local_rank);
}

void refuse_empty_outputs(CLI::App& app) {
  const auto not_empty = [](const std::string& path) -> std::string {
    return path.empty() ? "expected a path, got an empty text" : "";
  };
  for (CLI::Option* const option : app.get_options())
    if (contains({"out", "json", "csv", "plot", "strip", "profile", "save-reference",
                  "neighbour-picture"},
                 option->get_single_name()) &&
        option->get_items_expected_max() > 0)
      option->check(not_empty);
  for (CLI::App* const child : app.get_subcommands({})) refuse_empty_outputs(*child);
}

void ModelFlags::add_to(CLI::App& command) {
  command
      .add_option("--ckpt", checkpoint,
                  "model.pt, a run folder, a diffusers folder, a .safetensors beside its "
                  "config.json, or an oracle's config")
      ->required();
  auto* raw = command.add_flag("--no-ema", no_ema, "Use the raw weights, not their moving average");
  command
      .add_option("--ema", ema,
                  "Use an average over this fraction of the training, such as 0.1, made from the "
                  "snapshots in a run folder (train.ema_snapshot_every)")
      ->excludes(raw);
}

Model ModelFlags::load(c10::Device device) const {
  return ema ? Model::load_averaged(checkpoint, *ema, device)
             : Model::load(checkpoint, !no_ema, device);
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

}  // namespace diffuse::cli
