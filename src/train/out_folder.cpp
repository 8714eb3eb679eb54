#include "src/train/out_folder.h"

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "diffuse/data/dataset.h"
#include "src/core/log.h"
#include "src/files/atomic_write.h"
#include "src/model_file/model_files.h"
#include "src/train/outputs.h"
#include "src/train/run_folder.h"

namespace fs = std::filesystem;

namespace diffuse {

// A run's config.json may be damaged: it is rewritten.
static void check_config_in(const fs::path& folder) {
  if (!fs::exists(folder / "config.json") || holds_run(folder)) return;
  try {
    load_config(folder / "config.json");
  } catch (const Error& error) {
    throw Error("--out ", folder.string(), ": contains a config.json that is not from a run (",
                error.what(), "); name another folder, such as ", free_name(folder).string());
  }
}

static void check_data_in(const fs::path& folder, const fs::path& data) {
  const fs::path way = fs::weakly_canonical(folder).lexically_relative(fs::weakly_canonical(data));
  if (way == ".")
    throw Error("--out ", folder.string(), ": is the folder of /data/path; name another, such as ",
                free_name(folder).string());
  if (!way.empty() && *way.begin() != "..")
    log_warning(concat("--out ", folder.string(), ": is inside the folder of /data/path, ",
                       data.string(), ": pictures of samples would become data"));
}

// Tests all files that a run writes, at its start and later.
static void check_places(const fs::path& folder) {
  check_outputs({{"--out", folder, true}});
  try {
    for (const char* const name : {"config.json", "metrics.jsonl", "model.pt"})
      check_can_write(folder / name);
    for (const char* const name : {"checkpoints", "samples"}) check_can_write_in(folder / name);
  } catch (const Error& error) {
    throw Error("--out ", error.what());
  }
}

void check_run_folder(const fs::path& folder, const DataConfig& data) {
  check_places(folder);
  check_config_in(folder);
  if (data.type != DataType::kImageFolder || data.path.empty()) return;
  if (const fs::path pictures = resolve_path(data, ""); fs::is_directory(pictures))
    check_data_in(folder, pictures);
}

void check_untrained(const fs::path& folder) {
  if (holds_model(folder))
    throw Error(
        "--out ", folder.string(),
        ": already contains a trained model; continue it with --resume, or name another folder");
}

Checkpoint read_to_resume(const fs::path& file) {
  return is_diffusers_model(file) ? read_diffusers_model(file) : load_checkpoint(file);
}

}  // namespace diffuse
