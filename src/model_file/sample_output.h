// Where generated samples go, by the name of the output.
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

// .png a grid; .gif, .webp, .apng the reverse process; .npz uint8 NHWC as arr_0; .npy float32 as
// computed; a name without an ending a folder of one PNG each, or of one .npy where a PNG cannot hold the
// channels.
enum class OutputKind { kGrid, kAnimation, kNpz, kNpy, kFolder };

// Throws Error where the name says no kind, or one that does not fit (a folder of pictures of points).
OutputKind output_kind(const std::filesystem::path& path, bool is_image);

struct OutputOptions {
  std::filesystem::path path;
  std::vector<int64_t> shape;       // of one sample: [C, H, W], [C, L] or [D]
  SampleKind kind{};                // what a sample is
  int64_t count = 0;                // samples in all
  std::string parameters{};         // JSON: all that decides the samples; "" = not told
  bool resume = false;              // keep what a stopped run left, and go on from there
  std::vector<std::string> rows{};  // captions of a grid's rows, which sample after sample fills in
                                    // turn; empty = nearest to a square
  bool framed = true;               // false: the one image in a .png is just its pixels
  DataConfig data{};                // whose units the samples are in, for pictures of them
};

// Says what pictures of such samples do not show by themselves: their scale, more channels than three.
void say_how_shown(const OutputOptions& output);

// Folders and arrays are written as batches come: memory does not grow with the count.
class SampleOutput {
 public:
  // Where nothing is resumed, what an earlier run left (the folder's images, the unfinished array) is
  // removed. Throws Error where the output does not fit the samples (a folder of pictures of points),
  // is resumed with other parameters, or is a folder with numbered images of
  // somebody else's; nothing is generated first.
  explicit SampleOutput(OutputOptions options);

  OutputKind kind() const { return kind_; }

  // Samples there from the run that is resumed: the first to make is this one.
  int64_t done() const { return done_; }

  // Whether the folder has samples first .. first + count - 1, whoever wrote them.
  bool holds(int64_t first, int64_t count) const;

  // Whether a later run can go on from what was added.
  bool resumable() const { return kind_ >= OutputKind::kNpz; }

  // Samples `first` .. of a batch, x [B, ...] on the CPU.
  void add(int64_t first, const at::Tensor& x);

  // One moment of the reverse process of the batch being made; `frame` counts from 0. A grid with
  // frames has a row for each sample and a column for each frame.
  void add_frame(int64_t frame, const at::Tensor& x);

  // Writes what is not written yet.
  void finish();

 private:
  bool begin_or_resume() const;
  void remove_older() const;
  std::filesystem::path parameters_file() const;
  std::filesystem::path image_file(int64_t i) const;
  void say_what_is_cut(const at::Tensor& pictures);
  void write_grid() const;
  void write_animation() const;

  OutputOptions options_;
  OutputKind kind_;
  int64_t done_ = 0;
  bool cut_ = false;  // said so
  std::unique_ptr<ArrayStream> array_;
  std::vector<at::Tensor> batches_;
  std::vector<std::vector<at::Tensor>> frames_;  // [frame][batch]
};

}  // namespace diffuse
