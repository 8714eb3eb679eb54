#include "diffuse/train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstring>

#include "diffuse/core/error.h"
#include "diffuse/io/atomic_write.h"
#include "diffuse/train/checkpoint.h"

namespace fs = std::filesystem;

namespace diffuse {

// What atomic_write leaves where the process was killed: nobody else writes here now.
static void remove_unfinished_files(const fs::path& folder) {
  for (const fs::path& part : {folder, folder / "checkpoints", folder / "samples"}) {
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

RunFolder::RunFolder(fs::path path) : path_(std::move(path)) {
  std::error_code failure;
  fs::create_directories(path_, failure);
  if (failure)
    throw Error("--out ", path_.string(), ": cannot create the folder: ", failure.message());
  lock_ = open((path_ / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0)
    throw Error("--out ", path_.string(), ": cannot write in this folder: ", std::strerror(errno));
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    close(lock_);
    throw Error("--out ", path_.string(),
                ": another run is writing here; give each its own folder");
  }
  remove_unfinished_files(path_);
}

RunFolder::~RunFolder() { close(lock_); }

bool RunFolder::has_model() const { return fs::exists(path_ / "model.pt"); }

void RunFolder::save(const ValueDict& checkpoint, int64_t step, const TrainConfig& config) const {
  if (config.keep_last == 0 && (config.keep_every == 0 || step % config.keep_every != 0)) {
    write_checkpoint_file(path_ / "model.pt", checkpoint);
    return;
  }
  const fs::path numbered = path_ / "checkpoints" / concat("step-", step, ".pt");
  write_checkpoint_file(numbered, checkpoint);
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

}  // namespace diffuse
