#include "src/model_file/numbered_files.h"

#include <charconv>
#include <string>

namespace fs = std::filesystem;

namespace diffuse {

// N of "step-N.pt"; -1 for other names.
static int64_t step_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  if (file.extension() != ".pt" || !stem.starts_with("step-")) return -1;
  const char* const end = stem.data() + stem.size();
  int64_t step = -1;
  const auto [stop, failure] = std::from_chars(stem.data() + 5, end, step);
  return failure == std::errc{} && stop == end ? step : -1;
}

std::map<int64_t, fs::path, std::greater<>> numbered_files(const fs::path& folder) {
  std::map<int64_t, fs::path, std::greater<>> numbered;
  if (!fs::is_directory(folder)) return numbered;
  for (const auto& entry : fs::directory_iterator(folder))
    if (step_of(entry.path()) >= 0) numbered[step_of(entry.path())] = entry.path();
  return numbered;
}

}  // namespace diffuse
