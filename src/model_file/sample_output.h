// Writes generated samples; the output's name selects the format.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "diffuse/config/config.h"
#include "src/arrays/array_stream.h"

namespace diffuse {

// .png: a grid; .gif, .webp, .apng: the reverse process; .npz: uint8 NHWC as arr_0; .npy: float32 as
// computed; a name without an extension: a folder with one PNG per sample, or one .npy if a PNG cannot hold
// the channels.
enum class OutputKind { kGrid, kAnimation, kNpz, kNpy, kFolder };

// Throws Error if the name gives no kind, or one that does not fit (a folder of pictures of points).
OutputKind output_kind(const std::filesystem::path& path, bool is_image);

struct OutputOptions {
  std::filesystem::path path;
  std::vector<int64_t> shape;       // of one sample: [C, H, W], [C, L] or [D]
  SampleKind kind;                  // what a sample is
  int64_t count = 0;                // samples in all
  std::string parameters{};         // JSON: everything that determines the samples; "" = unknown
  bool resume = false;              // continue from what a stopped run left
  std::vector<std::string> rows{};  // captions of a grid's rows, which the samples fill
                                    // in turn; empty = nearest to a square
  at::Tensor conditions{};  // [N, shape...]: first in each row of a grid, before its samples
  bool framed = true;       // false: a .png of one image is exactly its pixels
  DataConfig data{};        // the samples' units, for pictures
};

// Logs what pictures of such samples do not show: their scale, more than three channels.
void say_how_shown(const OutputOptions& output);

// Throws as SampleOutput's constructor would, and writes nothing.
void check_output(const OutputOptions& output);

// Folders and arrays are written batch by batch: memory does not grow with the count.
class SampleOutput {
 public:
  // Without resume, removes what an earlier run left (the folder's images, the unfinished array). Throws
  // Error if the output does not fit the samples (a folder of pictures of points), is resumed with other
  // parameters, or is a folder with numbered images from another program; then nothing is generated.
  explicit SampleOutput(OutputOptions options);

  OutputKind kind() const { return kind_; }

  // Samples from the resumed run: the index of the first to generate.
  int64_t done() const { return done_; }

  // Whether the folder has samples first .. first + count - 1, of any process.
  bool holds(int64_t first, int64_t count) const;

  // Whether a later run can resume from what was added.
  bool resumable() const { return kind_ >= OutputKind::kNpz; }

  // A batch of samples from `first` on, x [B, ...] on the CPU.
  void add(int64_t first, const at::Tensor& x);

  // One step of the reverse process of the current batch; `frame` counts from 0. A grid with frames has one
  // row per sample and one column per frame, or for points one path per sample.
  void add_frame(int64_t frame, const at::Tensor& x);

  // Writes the rest.
  void finish();

 private:
  bool begin_or_resume() const;
  std::filesystem::path image_file(int64_t i) const;
  void say_what_is_cut(const at::Tensor& pictures);
  void write_grid() const;
  void write_animation() const;

  OutputOptions options_;
  OutputKind kind_;
  int64_t done_ = 0;
  bool cut_ = false;  // warned already
  std::unique_ptr<ArrayStream> array_;
  std::vector<at::Tensor> batches_;
  std::vector<std::vector<at::Tensor>> frames_;  // [frame][batch]
};

}  // namespace diffuse
