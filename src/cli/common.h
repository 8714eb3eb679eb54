// Flags that several commands share, and what they need to load a model.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <CLI/App.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "diffuse/config/config.h"
#include "diffuse/core/error.h"
#include "diffuse/data/dataset.h"
#include "diffuse/diffusion/noise_schedule.h"
#include "diffuse/distributed/launch.h"
#include "diffuse/model/network.h"
#include "diffuse/pictures/image_file.h"
#include "diffuse/sample/sampler.h"

namespace diffuse::cli {

// --device, --threads, -v, -q.
struct MachineFlags {
  std::string device = "auto";
  int threads = 0;
  bool verbose = false;
  bool quiet = false;

  void add_to(CLI::App& command);

  // Applies threads and log level; returns the device. Several processes on one machine divide its
  // cores and take a GPU each; their log lines carry the rank, and those of rank 0 say what all do.
  c10::Device apply(const Launch& launch = {}) const;
};

// A check for options that hold a duration.
std::string a_duration(const std::string& text);

// --peer-timeout, for commands that run in several processes.
void add_peer_timeout(CLI::App& command, std::string& timeout);

// A network ready to sample or to evaluate, with its configuration.
struct Model {
  std::string name;  // where it came from
  Config config;
  std::shared_ptr<Network> network;
  int64_t step = 0;

  bool is_image() const { return diffuse::is_image(sample_kind(config.model)); }
};

// Whether a file is the config of an analytic model: a .json that is no index of weights.
bool is_oracle(const std::filesystem::path& path);

// From model.pt, a run folder, a diffusers folder, a .safetensors file beside its config.json, or
// the config of an analytic model (an oracle).
Model load_model(const std::filesystem::path& path, bool use_ema, c10::Device device);

// For a command, flag or metric, `what`, that takes data as the network does: throws where those of
// the model or config `name` are normalised.
void want_plain_data(const DataConfig& data, const std::string& name, const std::string& what);

// --ckpt, --no-ema.
struct ModelFlags {
  std::filesystem::path checkpoint{};
  bool no_ema = false;

  void add_to(CLI::App& command);
  Model load(c10::Device device) const { return load_model(checkpoint, !no_ema, device); }
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

// "/model/channels: ..." and the like, as thrown by what is built from a config.
bool starts_with_json_path(std::string_view message);

// Calls `build`; an Error that speaks of a JSON path gets the config file's name put in front.
template <class Build>
auto in_config(const std::filesystem::path& file, const Build& build) {
  try {
    return build();
  } catch (const Error& error) {
    throw Error(starts_with_json_path(error.what()) ? file.string() + ": " : "", error.what());
  }
}

// How many of a set's items are of each class.
std::vector<std::pair<std::string, int64_t>> count_classes(const Dataset& set);

// Logs a warning where x_T keeps more than 1e-3 bits per dimension of x_0 at E[x_0^2] = 1.
void warn_of_prior(const NoiseSchedule& schedule);

// A batch in the units of `data` as one picture: a grid of images, curves of signals, or a scatter plot of
// points.
Image picture_of(const at::Tensor& x, const DataConfig& data = {});

}  // namespace diffuse::cli
