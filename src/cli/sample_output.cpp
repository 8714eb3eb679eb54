#include "sample_output.h"

#include <ATen/ATen.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "common.h"
#include "diffuse/core/error.h"
#include "diffuse/io/array_file.h"
#include "diffuse/io/picture.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

static OutputKind kind_of(const fs::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".png") return OutputKind::kGrid;
  if (extension == ".gif") return OutputKind::kAnimation;
  if (extension == ".npz") return OutputKind::kNpz;
  if (extension == ".npy") return OutputKind::kNpy;
  if (extension.empty()) return OutputKind::kFolder;
  throw Error("-o ", path.string(), ": expected a name ending in .png, .gif, .npz or .npy, or a ",
              "folder without an extension");
}

SampleOutput::SampleOutput(fs::path path, bool is_image, Text text)
    : path_(std::move(path)), kind_(kind_of(path_)), is_image_(is_image), text_(std::move(text)) {
  if (!is_image && (kind_ == OutputKind::kNpz || kind_ == OutputKind::kFolder))
    throw Error("-o ", path_.string(),
                ": this model makes points or signals, not images; expected .npy, ",
                ".png or .gif");
  std::error_code failure;
  const fs::path folder = kind_ == OutputKind::kFolder ? path_ : path_.parent_path();
  if (!folder.empty()) fs::create_directories(folder, failure);
  if (failure)
    throw Error("-o ", path_.string(), ": cannot create the folder: ", failure.message());
  if (access(folder.empty() ? "." : folder.c_str(), W_OK) != 0)
    throw Error("-o ", path_.string(), ": cannot write there: ", std::strerror(errno));
}

void SampleOutput::add(int64_t first, const at::Tensor& x) {
  if (kind_ != OutputKind::kFolder) {
    batches_.push_back(kind_ == OutputKind::kNpz ? to_uint8(x) : x);
    return;
  }
  for (int64_t i = 0; i < x.size(0); ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "%06lld.png", static_cast<long long>(first + i));
    write_png(path_ / name, to_image(x[i]), text_);
  }
}

void SampleOutput::add_frame(int64_t frame, const at::Tensor& x) {
  if (static_cast<int64_t>(frames_.size()) <= frame) frames_.resize(frame + 1);
  frames_[frame].push_back(x);
}

void SampleOutput::finish() {
  if (kind_ == OutputKind::kGrid) write_png(path_, picture_of(at::cat(batches_)), text_);
  if (kind_ == OutputKind::kNpy) write_npy(path_, at::cat(batches_));
  if (kind_ == OutputKind::kNpz)
    write_npz(path_, {{"arr_0", at::cat(batches_).permute({0, 2, 3, 1}).contiguous()}});
  if (kind_ != OutputKind::kAnimation) return;
  std::vector<Image> pictures;
  for (const auto& batches : frames_) pictures.push_back(picture_of(at::cat(batches)));
  write_gif(path_, pictures, /*delay_ms=*/60, /*last_delay_ms=*/2000);
}

}  // namespace diffuse::cli
