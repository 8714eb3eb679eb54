#include "src/train/resume.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "src/core/log.h"
#include "src/data/class_names.h"
#include "src/files/file.h"
#include "src/model_file/numbered_files.h"

namespace fs = std::filesystem;

namespace diffuse {

// Throws if the system cannot read the whole file: not bad use, and a retry may succeed.
static void read_through(const fs::path& file) {
  constexpr uint64_t kPiece = 1 << 20;
  try {
    const InputFile input(file);
    for (uint64_t offset = 0; offset < input.size(); offset += kPiece)
      input.read(offset, std::min(kPiece, input.size() - offset));
  } catch (const Error& error) {
    throw std::runtime_error(error.what());
  }
}

// The step of a file that training can be resumed from; -1 with the reason if it is damaged or has no
// training state. Throws if it cannot be read for another reason, Error if it is intact but of another
// version of this program.
static int64_t step_where_resumable(const fs::path& file, std::string& reason) {
  const auto passed_over = [&](const char* kind, const Error& error) {
    log_warning(concat("skipping ", kind, ": ", error.what()));
    reason = error.what();
    return -1;
  };
  ValueDict root;
  try {
    root = read_checkpoint_file(file);
  } catch (const Error& error) {
    read_through(file);
    return passed_over("a damaged checkpoint", error);
  }
  if (find(root, "format") == nullptr)
    return passed_over("another program's file",
                       Error(file.string(), ": not a checkpoint of diffuse"));
  const Checkpoint checkpoint = parse_checkpoint(file, std::move(root));
  if (const std::string missing = missing_training_part(checkpoint.root); !missing.empty())
    return passed_over(
        "a model without training state",
        Error(file.string(), ": no \"", missing, "\", which training needs to resume"));
  return checkpoint.step;
}

std::map<int64_t, fs::path, std::greater<>> numbered_checkpoints(const fs::path& run_folder) {
  return numbered_files(run_folder / "checkpoints");
}

fs::path newest_checkpoint(const fs::path& run_folder) {
  std::vector<std::string> names, reasons;  // of skipped files
  const auto resumable = [&](const fs::path& file) {
    std::string reason;
    const int64_t step = step_where_resumable(file, reason);
    if (step < 0) {
      names.push_back(file.lexically_relative(run_folder).string());
      reasons.push_back(reason);
    }
    return step;
  };
  const fs::path latest = run_folder / "model.pt";
  const int64_t step = fs::exists(latest) ? resumable(latest) : -1;
  for (const auto& [saved, file] : numbered_checkpoints(run_folder)) {
    if (saved <= step) break;  // otherwise the run died before it wrote model.pt
    if (resumable(file) >= 0) return file;
  }
  if (step >= 0) return latest;
  if (!names.empty())
    throw Error(run_folder.string(), ": contains no checkpoint to resume: ", join(names),
                " cannot be resumed (", reasons[0],
                "); name another with --resume, or move these away");
  return {};
}

// If either side has only numbers, as from before names were stored, classes are compared by number.
static void check_same_classes(const Config& wanted, const Checkpoint& checkpoint) {
  const auto& ours = wanted.model.class_names;
  const auto& theirs = checkpoint.config.model.class_names;
  const bool by_number = ours.size() == theirs.size() && (are_numbers(ours) || are_numbers(theirs));
  if (ours == theirs || ours.empty() || theirs.empty() || by_number) return;
  const auto known = [&](const std::string& name) { return contains(theirs, name); };
  const bool fewer_numbers = are_numbers(ours) && ours.size() < theirs.size();
  throw Error(checkpoint.file.string(),
              ": cannot continue with other classes: ", class_difference(ours, theirs),
              fewer_numbers || std::ranges::all_of(ours, known)
                  ? concat("; set /model/class_names to the model's to match the data's by ",
                           fewer_numbers ? "number: " : "name: ", nlohmann::json(theirs).dump())
                  : "");
}

// With a tolerance of a thousandth of a standard deviation.
static bool same_units(const DataConfig& one, const DataConfig& other) {
  if (one.mean.size() != other.mean.size()) return false;
  for (size_t c = 0; c < one.mean.size(); ++c) {
    const double limit = 1e-3 * std::min(one.std[c], other.std[c]);
    if (std::abs(one.mean[c] - other.mean[c]) > limit) return false;
    if (std::abs(one.std[c] - other.std[c]) > limit) return false;
  }
  return true;
}

// A network cannot resume with data in other units, unless training starts with a new optimiser.
static void check_same_units(const DataConfig& ours, const Checkpoint& checkpoint) {
  const DataConfig& theirs = checkpoint.config.data;
  if (!holds_training(checkpoint) || same_units(ours, theirs)) return;
  const auto text = [](const std::vector<double>& numbers) {
    return nlohmann::json(numbers).dump();
  };
  const auto units = [&](const DataConfig& data) {
    return data.mean.empty() ? std::string("units of its own")
                             : concat("mean ", text(data.mean), " and std ", text(data.std));
  };
  throw Error(checkpoint.file.string(),
              ": cannot continue with data in other units: ", units(theirs), " there, ",
              units(ours), " in the config; set ",
              theirs.mean.empty() ? "data.range=[] and data.normalize=false"
              : theirs.normalize  ? concat("data.normalize=true, data.mean=", text(theirs.mean),
                                           " and data.std=", text(theirs.std))
                                  : concat("data.range=", text(theirs.range)),
              " to keep the checkpoint's");
}

// Each training must use the state that the other keeps.
static void check_same_training(const TrainConfig& ours, const Checkpoint& checkpoint) {
  if (!holds_training(checkpoint)) return;
  const TrainConfig& theirs = checkpoint.config.train;
  constexpr auto kMuon = OptimizerKind::kMuon;
  if ((ours.optimizer == kMuon) != (theirs.optimizer == kMuon))
    throw Error(checkpoint.file.string(),
                ": cannot continue with another optimiser: /train/optimizer is \"",
                theirs.optimizer, "\" there and \"", ours.optimizer,
                "\" in the config, and muon keeps other state; start anew from it with --init");
  const auto same = [&](const char* key, const auto& here, const auto& there) {
    if (here != there)
      throw Error(checkpoint.file.string(), ": cannot continue with other frozen parameters: ", key,
                  " is ", nlohmann::json(there).dump(), " there and ", nlohmann::json(here).dump(),
                  " in the config, and what is frozen has no optimiser state; start anew from it ",
                  "with --init");
  };
  same("/train/freeze", ours.freeze, theirs.freeze);
  same("/train/train_only", ours.train_only, theirs.train_only);
  if (ours.ema_snapshot_every > 0 && theirs.ema_snapshot_every == 0)
    throw Error(checkpoint.file.string(),
                ": has no averages for snapshots, since its run took none; ",
                "set train.ema_snapshot_every=0");
}

void check_same_model(const Config& wanted, const Checkpoint& checkpoint) {
  check_same_classes(wanted, checkpoint);
  check_same_training(wanted.train, checkpoint);
  auto ours = nlohmann::json::parse(config_to_json(wanted));
  auto theirs = nlohmann::json::parse(config_to_json(checkpoint.config));
  for (nlohmann::json* const config : {&ours, &theirs}) {
    config->at("model").erase("class_names");
    config->at("model").erase("sample_kind");  // of the data; files of version 0.1.0 have none
    for (const char* const free : {"path", "array", "dropout"}) config->at("condition").erase(free);
  }
  for (const char* const part : {"condition", "model", "diffusion"})
    for (const auto& change : nlohmann::json::diff(theirs.at(part), ours.at(part))) {
      const auto path = change.at("path").get<std::string>();
      const nlohmann::json::json_pointer place(path);
      const auto shown = [&](const nlohmann::json& config) {
        return config.at(part).contains(place) ? config.at(part).at(place).dump() : "none";
      };
      throw Error(checkpoint.file.string(), ": cannot continue with another model: /", part, path,
                  " differs from the checkpoint's, ", shown(theirs), " there and ", shown(ours),
                  " in the config");
    }
  check_same_units(wanted.data, checkpoint);
}

// Moments and names that are found in the data, and what does not affect the weights, are left out.
std::string changed_settings(const Config& wanted, const Checkpoint& checkpoint) {
  auto ours = nlohmann::json::parse(config_to_json(wanted));
  auto theirs = nlohmann::json::parse(config_to_json(checkpoint.config));
  for (nlohmann::json* const config : {&ours, &theirs}) {
    config->erase("sample");
    config->at("model").erase("class_names");
    for (const char* const section : {"data", "condition"})
      for (const char* const found : {"mean", "std"}) config->at(section).erase(found);
  }
  std::vector<std::string> changes;
  const auto compare = [&](const std::string& path, const nlohmann::json& here,
                           const nlohmann::json& there) {
    if (here != there)
      changes.push_back(concat(path, " ", here.dump(), " (was ", there.dump(), ")"));
  };
  for (const auto& [section, values] : ours.items()) {
    if (!values.is_object()) {
      compare("/" + section, values, theirs.at(section));
      continue;
    }
    for (const auto& [key, value] : values.items())
      compare(concat("/", section, "/", key), value, theirs.at(section).at(key));
  }
  return join(changes);
}

}  // namespace diffuse
