#include "sample_pictures.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "src/files/file.h"
#include "src/pictures/animation.h"
#include "src/pictures/picture.h"

namespace fs = std::filesystem;

namespace diffuse {

namespace {

constexpr size_t kMostTiles = 64;
constexpr uint64_t kLargestPicture = 16 << 20;  // bytes

// A PNG stores how its samples were drawn.
std::optional<SamplePicture> picture_of_file(const fs::path& path) {
  const bool animation = is_animation(path);
  if (!animation && ending_of(path) != ".png") return {};
  const InputFile file(path);
  if (file.size() > kLargestPicture) return {};
  std::string bytes = file.read(0, file.size());
  std::string parameters = find_png_text(bytes, "parameters");
  const bool film =
      bytes.starts_with("GIF8") || (bytes.starts_with("RIFF") && bytes.substr(8, 4) == "WEBP");
  if (parameters.empty() && !(animation && film)) return {};
  return SamplePicture{.bytes = std::move(bytes), .parameters = std::move(parameters)};
}

// [C, H, W] in [-1, 1], as make_grid() takes it.
at::Tensor tile(const Image& image) {
  const at::Tensor pixels = at::empty({image.height, image.width, image.channels}, at::kByte);
  std::copy(image.pixels.begin(), image.pixels.end(), pixels.mutable_data_ptr<uint8_t>());
  return pixels.permute({2, 0, 1}).to(at::kFloat) / 127.5 - 1;
}

std::optional<SamplePicture> picture_of_folder(const fs::path& folder) {
  std::error_code none;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, none))
    if (ending_of(entry.path()) == ".png" && fs::is_regular_file(entry.symlink_status(none)))
      files.push_back(entry.path());
  const size_t count = std::min(kMostTiles, files.size());
  std::partial_sort(files.begin(), files.begin() + static_cast<std::ptrdiff_t>(count), files.end());
  SamplePicture result{.files = files.size()};
  std::vector<at::Tensor> tiles;
  for (size_t i = 0; i < count; ++i) {
    const auto sample = picture_of_file(files[i]);
    if (!sample) continue;
    const at::Tensor next = tile(decode_image(sample->bytes, files[i].string()));
    if (!tiles.empty() && next.sizes() != tiles[0].sizes()) continue;
    if (tiles.empty()) result.parameters = sample->parameters;
    tiles.push_back(next);
  }
  if (tiles.empty()) return {};
  result.shown = tiles.size();
  result.bytes = encode_png(make_grid(at::stack(tiles)));
  return result;
}

}  // namespace

std::optional<SamplePicture> sample_picture(const fs::path& path) {
  std::error_code none;
  const fs::file_status status = fs::symlink_status(path, none);
  if (fs::is_directory(status)) return picture_of_folder(path);
  return fs::is_regular_file(status) ? picture_of_file(path) : std::nullopt;
}

}  // namespace diffuse
