#include "condition_files.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "diffuse/core/error.h"
#include "src/arrays/array_file.h"
#include "src/core/log.h"
#include "src/files/file.h"
#include "src/model_file/sample_input.h"
#include "src/pictures/image_file.h"
#include "src/pictures/picture_files.h"
#include "src/pictures/stored_image.h"

namespace fs = std::filesystem;

namespace diffuse {

static bool is_array(const ConditionSource& source) {
  const std::string ending = ending_of(source.path);
  return source.array.defined() || ending == ".npy" || ending == ".npz";
}

// Throws Error unless there is something that can hold samples.
static void check_source(const ConditionSource& source, bool images) {
  if (!source.array.defined() && !fs::exists(source.path))
    throw Error(source.name(), ": does not exist");
  if (!is_array(source) && !images) throw Error(source.name(), ": expected a .npy or .npz file");
}

// The only array of a file, or an .npz's arr_0.
static at::Tensor array_of(const ConditionSource& source) {
  const auto& [by, path, array] = source;
  if (array.defined()) return array;
  if (ending_of(path) == ".npy") return read_npy(path);
  const std::vector<std::string> names = npz_names(path);
  if (names.size() != 1 && std::ranges::find(names, "arr_0") == names.end())
    throw Error(source.name(), ": expected one array, or one named arr_0, got ", join(names));
  return read_npz(path, names.size() == 1 ? names[0] : "arr_0");
}

// One file, or those of a folder in the order of their names.
static std::vector<fs::path> picture_paths(const ConditionSource& source) {
  const fs::path& path = source.path;
  if (!fs::is_directory(path)) return {path};
  const PictureFiles found = find_pictures(path);
  for (const std::string& line : found.left_out.lines())
    log_warning(concat(source.name(), ": left out ", line));
  for (const std::string& line : found.others.lines())
    log_info(concat(source.name(), ": left out ", line));
  std::vector<fs::path> paths;
  for (const size_t i : found.pictures) paths.push_back(path / found.files->names()[i]);
  return paths;
}

static std::string shapes_text(const std::vector<std::vector<int64_t>>& shapes) {
  std::vector<std::string> texts;
  for (const auto& shape : shapes) texts.push_back(concat("N x ", c10::IntArrayRef(shape)));
  return join(texts, " or ");
}

static at::Tensor condition_array(const ConditionSource& source,
                                  const std::vector<std::vector<int64_t>>& shapes) {
  const at::Tensor array = array_of(source);
  for (const auto& shape : shapes)
    if (const at::Tensor x = as_batch(array, shape); x.defined()) return x;
  throw Error(source.name(), ": expected ", shapes_text(shapes), ", got ", array.scalar_type(), " ",
              array.sizes());
}

// A picture [1, 1 or 3, H, W], uint8, in the channels of the first shape of its size that it has or, of grey
// pictures, that can repeat it.
static at::Tensor condition_picture(const ConditionSource& file,
                                    const std::vector<std::vector<int64_t>>& shapes) {
  const Image image = read_image(file.path);
  const at::Tensor pixels = at::tensor(at::ArrayRef<uint8_t>(image.pixels))
                                .view({1, image.height, image.width, image.channels})
                                .permute({0, 3, 1, 2});
  const bool grey = at::equal(pixels, pixels.narrow(1, 0, 1).expand_as(pixels));
  for (const auto& shape : shapes) {
    if (shape.size() != 3 || shape[1] != image.height || shape[2] != image.width) continue;
    if (shape[0] == image.channels) return pixels.contiguous();
    if (grey) return pixels.narrow(1, 0, 1).expand({1, shape[0], -1, -1}).contiguous();
  }
  throw Error(file.name(), ": expected ", shapes_text(shapes), ", got a picture of ",
              image.channels, " x ", image.height, " x ", image.width);
}

at::Tensor read_conditions(const ConditionSource& source,
                           const std::vector<std::vector<int64_t>>& shapes, bool images) {
  check_source(source, images);
  if (is_array(source)) {
    const at::Tensor x = condition_array(source, shapes);
    return images && x.scalar_type() == at::kByte ? x.contiguous() : x.to(at::kFloat).contiguous();
  }
  std::vector<at::Tensor> pictures;
  for (const fs::path& path : picture_paths(source)) {
    const ConditionSource file{.by = source.by, .path = path};
    pictures.push_back(condition_picture(file, shapes));
    if (pictures.back().sizes() != pictures[0].sizes())
      throw Error(file.name(), ": ", pictures.back().sizes().slice(1),
                  ", but the first picture is ", pictures[0].sizes().slice(1));
  }
  return at::cat(pictures);
}

// Colours [C, H, W] from -1 to 1, and which pixels are opaque [1, H, W].
static std::pair<at::Tensor, at::Tensor> masked_picture(const ConditionSource& file,
                                                        const std::vector<int64_t>& shape) {
  const StoredImage image = read_stored_image(file.path);
  const auto refuse = [&](const std::string& why) { throw Error(file.name(), ": ", why); };
  if (image.height != shape[1] || image.width != shape[2])
    refuse(concat("the picture is ", image.width, "x", image.height, " pixels; this model makes ",
                  shape[2], "x", shape[1]));
  if (!image.has_alpha()) refuse("no part is transparent; unknown pixels are transparent");
  at::Tensor stored = at::empty({image.height, image.width, image.channels}, at::kFloat);
  std::copy(image.values.begin(), image.values.end(), stored.mutable_data_ptr<float>());
  stored = stored.permute({2, 0, 1}) / static_cast<double>(image.white);
  const at::Tensor opaque = stored.narrow(0, image.channels - 1, 1) >= 0.5;
  at::Tensor colours = stored.narrow(0, 0, image.channels - 1) * opaque;
  const at::Tensor first = colours.narrow(0, 0, 1);
  if (at::equal(colours, first.expand_as(colours))) colours = first;  // of a grey picture
  if (colours.size(0) != 1 && colours.size(0) != shape[0])
    refuse(concat("the picture is in colour, this model's have ", shape[0], " channels"));
  return {colours.expand(shape) * 2 - 1, opaque};
}

static MaskedSamples masked_pictures(const ConditionSource& source,
                                     const std::vector<int64_t>& shape) {
  std::vector<at::Tensor> values, known;
  for (const fs::path& path : picture_paths(source)) {
    const auto [colours, opaque] = masked_picture({.by = source.by, .path = path}, shape);
    values.push_back(colours);
    known.push_back(opaque.to(at::kFloat));
  }
  return {.values = at::stack(values), .known = at::stack(known), .bytes = true};
}

MaskedSamples read_masked(const ConditionSource& source, const std::vector<int64_t>& shape,
                          bool images) {
  check_source(source, images);
  if (!is_array(source)) return masked_pictures(source, shape);
  const at::Tensor x = condition_array(source, {shape}).to(at::kFloat).contiguous();
  const at::Tensor missing = at::isnan(x);
  check_finite(source.name(), at::where(missing, 0, x));
  const at::Tensor known = missing.logical_not();
  const at::Tensor by_pixel = images ? known.all(1, /*keepdim=*/true) : known;
  return {.values = at::where(missing, 0, x), .known = by_pixel.to(at::kFloat), .bytes = false};
}

}  // namespace diffuse
