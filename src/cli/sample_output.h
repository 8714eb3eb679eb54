// Where generated samples go, by the name of the output.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace diffuse::cli {

// .png a grid, .gif the reverse process, .npz uint8 NHWC as arr_0, .npy float32 as computed, any
// other name a folder of one PNG each.
enum class OutputKind { kGrid, kAnimation, kNpz, kNpy, kFolder };

class SampleOutput {
 public:
  using Text = std::vector<std::pair<std::string, std::string>>;

  // `text` goes into PNG files. Throws Error where the output does not fit the samples (a folder of
  // pictures of points) or cannot be written; nothing is generated first.
  SampleOutput(std::filesystem::path path, bool is_image, Text text);

  OutputKind kind() const { return kind_; }

  // Samples `first` .. of a batch, x [B, ...] on the CPU. Folders are written as batches come.
  void add(int64_t first, const at::Tensor& x);

  // One moment of the reverse process of the batch being made; `frame` counts from 0.
  void add_frame(int64_t frame, const at::Tensor& x);

  // Writes what is not written yet.
  void finish();

 private:
  std::filesystem::path path_;
  OutputKind kind_;
  bool is_image_;
  Text text_;
  std::vector<at::Tensor> batches_;
  std::vector<std::vector<at::Tensor>> frames_;  // [frame][batch]
};

}  // namespace diffuse::cli
