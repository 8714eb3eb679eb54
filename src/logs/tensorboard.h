// TensorBoard event files: scalars, images, histograms, text and hyperparameters, as TFRecords of
// hand-encoded protocol buffers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "src/pictures/image_file.h"

namespace diffuse {

class TensorBoardWriter {
 public:
  // Creates events.out.tfevents.<seconds>.<host>.<pid>.<n> in `folder`.
  explicit TensorBoardWriter(const std::filesystem::path& folder);

  void scalar(const std::string& tag, int64_t step, double value);
  void image(const std::string& tag, int64_t step, const Image& image);
  void text(const std::string& tag, int64_t step, const std::string& markdown);

  // One bar per bucket: heights[i] over (limits[i - 1], limits[i]]; the first bucket starts at 0.
  void histogram(const std::string& tag, int64_t step, const std::vector<double>& limits,
                 const std::vector<double>& heights);

  // The fields of a JSON object's sections as "section.field", for the HPARAMS tab. Once per run.
  void hyperparameters(const std::string& json);

  void flush();

 private:
  void write_event(const std::string& event);

  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace diffuse
