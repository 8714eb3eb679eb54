// TensorBoard event files: scalars, images and text, as TFRecords of hand-encoded protocol buffers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "diffuse/io/image_file.h"

namespace diffuse {

class TensorBoardWriter {
 public:
  // Creates events.out.tfevents.<seconds>.<host>.<pid>.<n> in `folder`.
  explicit TensorBoardWriter(const std::filesystem::path& folder);

  void scalar(const std::string& tag, int64_t step, double value);
  void image(const std::string& tag, int64_t step, const Image& image);
  void text(const std::string& tag, int64_t step, const std::string& markdown);
  void flush();

 private:
  void write_event(const std::string& event);

  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace diffuse
