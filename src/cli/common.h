// Flags shared by several commands.
#pragma once

#include <c10/core/Device.h>

#include <CLI/App.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "diffuse/config/config.h"
#include "diffuse/core/error.h"
#include "diffuse/data/dataset.h"
#include "diffuse/diffusion/noise_schedule.h"
#include "diffuse/distributed/launch.h"
#include "diffuse/model_file/model.h"
#include "src/config/in_config.h"

namespace diffuse::cli {

// -v, -q: for every command.
struct LogFlags {
  bool verbose = false;
  bool quiet = false;

  void add_to(CLI::App& command);
  void apply() const;
};

// And --device and --threads: for commands that compute.
struct MachineFlags {
  std::string device = "auto";
  int threads = 0;
  LogFlags log{};

  void add_to(CLI::App& command, const char* devices = "auto, cpu, cuda or cuda:N");

  // Applies threads and log level; returns the device. Processes on one machine share its cores and take one
  // GPU each; their log lines carry the rank, and those of rank 0 apply to all.
  c10::Device apply(const Launch& launch = {}) const;
};

// The same for commands that compute only on the CPU: other devices are refused.
struct CpuFlags : MachineFlags {
  void add_to(CLI::App& command) { MachineFlags::add_to(command, "auto or cpu"); }
  void apply() const;
};

// A check for options whose value is a duration.
std::string a_duration(const std::string& text);

// --peer-timeout, for commands that run in several processes.
void add_peer_timeout(CLI::App& command, std::string& timeout);

// Output flags refuse "", the value of "$OUT" in a shell where OUT is not set.
void refuse_empty_outputs(CLI::App& app);

// --ckpt, --no-ema, --ema.
struct ModelFlags {
  std::filesystem::path checkpoint{};
  bool no_ema = false;
  std::optional<double> ema{};  // width of an average made from snapshots

  void add_to(CLI::App& command);
  Model load(c10::Device device) const;
};

// For --json: "-" prints the JSON instead of the text; another name is a file, written after the text is
// printed, so that a full disk does not lose the figures.
void write_report(const std::filesystem::path& json_target, const nlohmann::ordered_json& json,
                  const std::function<void()>& print_text, int indent = 2);

// Prints the name of the result file. A closed stdout is not a failure here, as it is for printed results.
void print_path(const std::filesystem::path& file);

}  // namespace diffuse::cli
