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

// Seconds to wait for another run to release its folder. In a job that may be an earlier start of this one
// on a machine that has died: NFS keeps its lock for about 90 s.
double usual_patience();

class RunFolder {
 public:
  // Creates the folder and locks it against a second run for as long as this object lives. A killed
  // process leaves no lock behind, but NFS holds a dead client's for about 90 s: `patience` is how many
  // seconds to wait for a lock. Throws Error naming the folder when it cannot be written or another run
  // holds it.
  explicit RunFolder(std::filesystem::path path, double patience = 0);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // Writes model.pt and checkpoints/step-N.pt (one file under two names where the file system can),
  // then removes the checkpoints that config.keep_last and keep_every do not ask for. Checkpoints beyond
  // `step`, left by a run that has since been resumed from an earlier one, are renamed to .pt.old.
  void save(const ValueDict& checkpoint, int64_t step, const TrainConfig& config) const;

  // Writes ema/step-N.pt. Snapshots of later steps, left by a run that has since been resumed from an earlier
  // one, are removed.
  void save_snapshot(const ValueDict& snapshot, int64_t step) const;

 private:
  std::filesystem::path path_;
  int lock_ = -1;  // file descriptor
};

}  // namespace diffuse
