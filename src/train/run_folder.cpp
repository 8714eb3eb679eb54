#include "src/train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "diffuse/core/error.h"
#include "diffuse/distributed/launch.h"
#include "src/core/duration.h"
#include "src/core/log.h"
#include "src/core/stop.h"
#include "src/files/atomic_write.h"
#include "src/model_file/numbered_files.h"
#include "src/train/resume.h"

namespace fs = std::filesystem;

namespace diffuse {

// Removes files left by atomic_write in a killed process: no other process writes here now.
static void remove_unfinished_files(const fs::path& folder) {
  for (const fs::path& part :
       {folder, folder / "checkpoints", folder / "samples", folder / "ema"}) {
    if (!fs::is_directory(part)) continue;
    std::vector<fs::path> unfinished;
    for (const auto& entry : fs::directory_iterator(part)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(".") && name.find(".tmp-") != std::string::npos)
        unfinished.push_back(entry.path());
    }
    for (const fs::path& file : unfinished) fs::remove(file);
  }
}

double usual_patience() {
  const Launch launch = launch_from_environment();
  const bool on_many_machines = launch.size > 1 && launch.local_size < launch.size;
  return on_many_machines || std::getenv("SLURM_JOB_ID") != nullptr ? 120 : 5;
}

// Returns 0, or errno of the failure.
static int try_lock(int descriptor) {
  return flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

// Waits up to `patience` seconds for another run's lock. Returns as try_lock() does.
static int lock_patiently(int descriptor, const fs::path& folder, double patience) {
  const double begin = seconds_now();
  int reason = try_lock(descriptor);
  if (reason == EWOULDBLOCK && patience > 0)
    log_warning(concat("--out ", folder.string(), ": another run is writing here; waiting up to ",
                       format_duration(patience), " for it to end"));
  while (reason == EWOULDBLOCK && seconds_now() - begin < patience && !stop_requested()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    reason = try_lock(descriptor);
  }
  return reason;
}

RunFolder::RunFolder(fs::path path, double patience) : path_(std::move(path)) {
  std::error_code failure;
  fs::create_directories(path_, failure);
  if (failure)
    throw Error("--out ", path_.string(), ": cannot create the folder: ", failure.message());
  lock_ = open((path_ / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0)
    throw Error("--out ", path_.string(), ": cannot write in this folder: ", std::strerror(errno));
  const int reason = lock_patiently(lock_, path_, patience);
  if (reason == EWOULDBLOCK) {
    close(lock_);
    throw Error("--out ", path_.string(),
                ": another run is writing here; give each its own folder");
  }
  if (reason != 0)
    log_warning(concat("--out ", path_.string(), ": cannot be locked (", std::strerror(reason),
                       "): make sure that no second run writes here"));
  remove_unfinished_files(path_);
}

RunFolder::~RunFolder() { close(lock_); }

bool holds_model(const fs::path& run_folder) {
  return fs::exists(run_folder / "model.pt") || !numbered_checkpoints(run_folder).empty();
}

// Renames the later checkpoints of a run that was resumed from an earlier one, which would count as its
// newest.
static void set_aside_beyond(const fs::path& folder, int64_t step) {
  for (const auto& [saved, file] : numbered_checkpoints(folder)) {
    if (saved <= step) break;
    fs::rename(file, file.string() + ".old");
    log_info(
        concat(file.string(), ": renamed to .pt.old, as this run resumed from an earlier step"));
  }
}

void RunFolder::save(const ValueDict& checkpoint, int64_t step, const TrainConfig& config) const {
  if (config.keep_last == 0 && (config.keep_every == 0 || step % config.keep_every != 0)) {
    write_checkpoint_file(path_ / "model.pt", checkpoint);
    set_aside_beyond(path_, step);
    return;
  }
  const fs::path numbered = path_ / "checkpoints" / concat("step-", step, ".pt");
  write_checkpoint_file(numbered, checkpoint);
  set_aside_beyond(path_, step);
  atomic_write(path_ / "model.pt", [&](const fs::path& temporary) {
    std::error_code failure;
    fs::remove(temporary, failure);
    fs::create_hard_link(numbered, temporary, failure);
    if (failure) fs::copy_file(numbered, temporary);
  });
  int64_t newer = 0;
  for (const auto& [saved, file] : numbered_checkpoints(path_))
    if (++newer > config.keep_last && (config.keep_every == 0 || saved % config.keep_every != 0))
      fs::remove(file);
}

void RunFolder::save_snapshot(const ValueDict& snapshot, int64_t step) const {
  write_checkpoint_file(path_ / "ema" / concat("step-", step, ".pt"), snapshot);
  for (const auto& [saved, file] : numbered_files(path_ / "ema"))
    if (saved > step) fs::remove(file);
}

}  // namespace diffuse
