// A run's folder: config.json, model.pt (the latest checkpoint), checkpoints/step-N.pt, samples/,
// metrics.jsonl, run.json and TensorBoard events.
#pragma once

#include <cstdint>
#include <filesystem>

#include "diffuse/arrays/checkpoint_file.h"
#include "diffuse/config/config.h"

namespace diffuse {

// Whether a run's folder has checkpoints.
bool holds_model(const std::filesystem::path& run_folder);

class RunFolder {
 public:
  // Creates the folder and locks it against a second run during this object's lifetime. The lock ends with
  // the process, so a killed run leaves none. But NFS holds the lock of a machine that lost power for a
  // while, hence `patience`: seconds to wait for another run's lock. Throws Error naming the folder if it
  // cannot be written or is locked by another run.
  explicit RunFolder(std::filesystem::path path, double patience = 0);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // Writes model.pt and checkpoints/step-N.pt (as hard links if the file system supports them), then removes
  // the checkpoints that config.keep_last and keep_every do not keep. Checkpoints beyond `step`, left by a
  // run that was then resumed from an earlier one, are renamed to .pt.old.
  void save(const ValueDict& checkpoint, int64_t step, const TrainConfig& config) const;

 private:
  std::filesystem::path path_;
  int lock_ = -1;  // file descriptor
};

}  // namespace diffuse
