// Flags that several commands share, and what they need to load a model.
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

// -v, -q: of every command.
struct LogFlags {
  bool verbose = false;
  bool quiet = false;

  void add_to(CLI::App& command);
  void apply() const;
};

// And --threads: of commands that compute on the CPU alone.
struct CpuFlags {
  int threads = 0;
  LogFlags log{};

  void add_to(CLI::App& command);
  void apply() const;
};

// And --device: of those that run networks.
struct MachineFlags {
  std::string device = "auto";
  CpuFlags cpu{};

  void add_to(CLI::App& command);

  // Applies threads and log level; returns the device. Several processes on one machine divide its
  // cores and take a GPU each; their log lines carry the rank, and those of rank 0 say what all do.
  c10::Device apply(const Launch& launch = {}) const;
};

// A check for options that hold a duration.
std::string a_duration(const std::string& text);

// --peer-timeout, for commands that run in several processes.
void add_peer_timeout(CLI::App& command, std::string& timeout);

// Flags of outputs refuse "", which an unset variable of a shell leaves of "$OUT".
void refuse_empty_outputs(CLI::App& app);

// --ckpt, --no-ema, --ema.
struct ModelFlags {
  std::filesystem::path checkpoint{};
  bool no_ema = false;
  std::optional<double> ema{};  // width of an average made of snapshots

  void add_to(CLI::App& command);
  Model load(c10::Device device) const;
};

// JSON as text. What is not UTF-8 in it, such as names of files may be, is replaced by a sign.
std::string json_text(const nlohmann::ordered_json& json, int indent = 2);

// For --json: "-" prints the JSON in place of the text for people; another name is a file for it,
// written after the text is printed, so that a full disk does not lose the figures.
void write_report(const std::filesystem::path& json_target, const nlohmann::ordered_json& json,
                  const std::function<void()>& print_text, int indent = 2);

// Prints the name of the file that holds the results. Where nobody can read it that is no failure, as
// it is of results that are printed.
void print_path(const std::filesystem::path& file);

}  // namespace diffuse::cli
