#include "src/train/outputs.h"

#include "diffuse/core/error.h"
#include "src/files/atomic_write.h"
#include "src/train/resume.h"

namespace fs = std::filesystem;

namespace diffuse {

bool holds_run(const fs::path& folder) {
  return fs::exists(folder / "metrics.jsonl") || !numbered_checkpoints(folder).empty() ||
         (fs::exists(folder / "config.json") && fs::exists(folder / "model.pt"));
}

fs::path free_name(const fs::path& path) {
  fs::path named = path.has_filename() ? path : path.parent_path();  // "folder/"
  if (named.filename() == "." || named.filename() == "..") named = fs::weakly_canonical(named);
  fs::path free;
  for (int64_t i = 2; free.empty() || fs::exists(free); ++i)
    free = named.parent_path() / concat(named.stem().string(), "-", i, named.extension().string());
  return free;
}

// The folder of the run that `path` belongs to, or "".
static fs::path run_that_keeps(const fs::path& path) {
  const fs::path file = fs::weakly_canonical(path), folder = file.parent_path();
  const std::string name = file.filename().string();
  if (folder.filename() == "checkpoints" ||
      (folder.filename() == "samples" && name.starts_with("step-")))
    if (holds_run(folder.parent_path())) return folder.parent_path();
  const bool kept =
      contains({"config.json", "run.json", "model.pt", "metrics.jsonl", "checkpoints"}, name) ||
      name.starts_with("events.out.tfevents.");
  return kept && holds_run(folder) ? folder : fs::path();
}

// "--json x.json", or only the path.
static std::string shown(const NamedPath& named) {
  return named.flag + (named.flag.empty() ? "" : " ") + named.path.string();
}

static void check_is_no_input(const NamedPath& output, const std::vector<NamedPath>& inputs) {
  std::error_code not_there;
  for (const NamedPath& input : inputs)
    if (fs::equivalent(output.path, input.path, not_there))
      throw Error(shown(output), ": is ",
                  input.flag.empty() ? "the input itself" : concat("what ", input.flag, " reads"),
                  "; write to another name, such as ", free_name(output.path).string());
}

static void check_is_no_runs(const NamedPath& output) {
  fs::path run = run_that_keeps(output.path);
  if (run.empty()) return;
  if (const fs::path near = fs::proximate(run); output.path.is_relative() && near != ".")
    run = near;
  const fs::path beside =
      run.parent_path() / concat(run.filename().string(), "-", output.path.filename().string());
  const fs::path free = fs::exists(beside) ? free_name(beside) : beside;
  throw Error(shown(output), ": belongs to the run in ", run.string(),
              "; write to another name, such as ", free.string());
}

static void check_is_no_dash(const NamedPath& output) {
  if (output.path == "-")
    throw Error(shown(output), ": expected a name; only --json takes - for stdout");
}

static void check_is_writable(const NamedPath& output) {
  try {
    output.folder ? check_can_write_in(output.path) : check_can_write(output.path);
  } catch (const Error& error) {
    throw Error(output.flag, output.flag.empty() ? "" : " ", error.what());
  }
}

void check_outputs(const std::vector<NamedPath>& outputs, const std::vector<NamedPath>& inputs) {
  std::vector<NamedPath> seen;
  for (const NamedPath& output : outputs) {
    if (output.path.empty() || (output.path == "-" && output.flag == "--json")) continue;
    check_is_no_dash(output);
    check_is_writable(output);
    std::error_code not_there;
    const fs::file_status status = fs::status(output.path, not_there);
    if (fs::is_character_file(status) || fs::is_fifo(status)) continue;  // "/dev/stdout"
    check_is_no_input(output, inputs);
    check_is_no_runs(output);
    for (const NamedPath& other : seen)
      if (fs::weakly_canonical(other.path) == fs::weakly_canonical(output.path))
        throw Error(shown(output), ": is what ", other.flag, " writes too; name another file");
    seen.push_back(output);
  }
}

}  // namespace diffuse
