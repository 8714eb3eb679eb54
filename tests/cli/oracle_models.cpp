#include "tests/cli/oracle_models.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {

fs::path oracle_folder(const std::string& name) {
  const fs::path folder = scratch(name);
  const auto write = [&](const std::string& file, const std::string& data) {
    write_file(folder / file,
               R"({"model": {"type": "gaussian_oracle", "variance": 0.25}, "data": )" + data +
                   R"(, "diffusion": {"timesteps": 20, "beta_end": 0.3}})");
  };
  write("image.json", R"({"type": "shapes", "image_size": 8, "count": 40, "channels": 1})");
  write("colour.json", R"({"type": "shapes", "image_size": 8, "count": 40})");
  write("signals.json", R"({"type": "waveforms", "count": 40, "length": 64})");
  write("points.json", R"({"type": "gaussian", "variance": 0.25, "count": 40})");
  return folder;
}

}  // namespace diffuse::testing_cli
