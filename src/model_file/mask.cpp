#include "src/model_file/mask.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "src/arrays/array_file.h"
#include "src/core/log.h"
#include "src/files/file.h"
#include "src/model_file/sample_input.h"
#include "src/pictures/stored_image.h"

namespace fs = std::filesystem;

namespace diffuse {

// A sample's shape without its channels; points have none.
static at::IntArrayRef plane_of(at::IntArrayRef shape) {
  return shape.size() == 1 ? shape : shape.slice(1);
}

static constexpr double kTolerance = 1.0 / 16;  // relative to white, for grey and for opaque white

// The number for white, given the mask's `values`.
static double white_of(const std::string& name, const at::Tensor& values) {
  if (!at::isfinite(values).all().item<bool>())
    throw Error(name, ": contains numbers that are not finite");
  const double least = values.min().item<double>(), most = values.max().item<double>();
  constexpr double kRounding = 1e-3;  // of floats
  if (least >= -kRounding)
    for (const double white : {1.0, 255.0, 65535.0})
      if (most <= white * (1 + kRounding)) return white;
  throw Error(name, ": numbers from ", least, " to ", most,
              "; expected 0 where the image is kept and 1, or 255, where it is painted");
}

// Levels from 0 to 1. Below half of white a picture would hardly change: integers this low are probably
// labels or another scale, while fractions are meant as such.
static at::Tensor to_levels(const std::string& name, const at::Tensor& values) {
  const double white = white_of(name, values), most = values.max().item<double>();
  if (most <= 0)
    throw Error(name,
                ": all black, so nothing would be painted; expected white in the part to paint");
  const bool fractions = white == 1;
  if (most < white * (fractions ? kTolerance : 0.5))
    throw Error(name, ": its maximum is ", most, ", but white is ", white,
                ", so the image would hardly change; expected ", white, " in the part to paint",
                fractions ? "" : "; for less than half, use a .npy of fractions from 0 to 1");
  if (most < white / 2)
    log_warning(concat(name, ": its maximum is ", most, ": the painted part keeps at least ",
                       std::lround(100 * (1 - most)), " % of the image"));
  return (values / white).clamp(0, 1);
}

// "(255, 0, 0)"
static std::string text_of(const at::Tensor& colour) {
  std::vector<std::string> numbers;
  for (int64_t c = 0; c < colour.size(0); ++c) numbers.push_back(concat(colour[c].item<double>()));
  return "(" + join(numbers) + ")";
}

// Colours [H, W, 1 or 3] -> greys [H, W].
static at::Tensor greys_of(const std::string& name, const at::Tensor& colours) {
  const at::Tensor spread = std::get<0>(colours.max(2)) - std::get<0>(colours.min(2));
  const int64_t pixel = spread.argmax().item<int64_t>();
  if (spread.max().item<double>() > white_of(name, colours) * kTolerance)
    throw Error(name, ": coloured, such as ", text_of(colours.flatten(0, 1)[pixel]),
                "; expected white where the image is painted and black where it is kept");
  return colours.mean(2);
}

// For a picture whose transparency varies.
static at::Tensor by_alpha(const std::string& name, const at::Tensor& greys,
                           const at::Tensor& alpha, double white) {
  const at::Tensor opacity = to_levels(name, alpha), shown = (opacity > 0) * greys / white;
  const bool black = !(shown > 0).any().item<bool>();
  if (!black && !(shown >= opacity - kTolerance).all().item<bool>())
    throw Error(name, ": partly transparent, and neither all black nor all white elsewhere; ",
                "expected a mask without transparency");
  log_info(concat(name, black ? ": black with transparent holes; the holes are painted"
                              : ": white on transparent; the white part is painted"));
  return black ? 1 - opacity : opacity;
}

// Logs the number for white if the format allows larger ones.
static at::Tensor levels_of_greys(const std::string& name, const at::Tensor& greys, double usual) {
  const at::Tensor levels = to_levels(name, greys);
  const double white = white_of(name, greys);
  if (white < usual)
    log_info(concat(name, ": the maximum is at most ", white, ", which counts as white"));
  return levels;
}

// Removes a lossy format's noise.
static at::Tensor black_or_white(const std::string& name, const at::Tensor& levels) {
  const at::Tensor clear = levels.round();
  if (!at::equal(clear, levels))
    log_info(concat(name,
                    ": greys of a JPEG or lossy WebP are noise: each is rounded to black or white, "
                    "whichever is ",
                    "nearer; a PNG may have greys"));
  return clear;
}

// -> [H, W]
static at::Tensor levels_of_picture(const std::string& name, const StoredImage& image) {
  at::Tensor colours = at::empty({image.height, image.width, image.channels}, at::kDouble);
  std::copy(image.values.begin(), image.values.end(), colours.mutable_data_ptr<double>());
  const auto white = static_cast<double>(image.white);
  if (image.has_alpha()) {
    const at::Tensor alpha = colours.select(2, -1);
    if (!(alpha > 0).any().item<bool>()) throw Error(name, ": transparent everywhere");
    colours = colours.narrow(2, 0, image.channels - 1);
    if (alpha.min().item<double>() < alpha.max().item<double>())
      return by_alpha(name, greys_of(name, colours * (alpha > 0).unsqueeze(2)), alpha, white);
  }
  const at::Tensor levels = levels_of_greys(name, greys_of(name, colours), white);
  if (image.on_white && (levels > 0).all().item<bool>())
    throw Error(name, ": white everywhere, as transparent parts are read as white; expected a PNG");
  return image.lossy ? black_or_white(name, levels) : levels;
}

// An array of one mask, or of one per channel -> in the shape of the model's samples, or without channels if
// all are equal. `plane`: the model's shape without channels.
static at::Tensor one_mask(const std::string& name, const at::Tensor& array, at::IntArrayRef shape,
                           at::IntArrayRef plane) {
  at::Tensor x = array;
  while (x.dim() > std::ssize(shape) && x.size(0) == 1) x = x[0];
  if (x.sizes() == plane) return x;
  const bool last = x.dim() == 3 && x.sizes().slice(0, 2) == plane;  // H x W x C
  if (last && x.sizes().slice(1) != plane) x = x.permute({2, 0, 1});
  if (x.dim() == std::ssize(plane) + 1 && x.size(0) > 0 && x.sizes().slice(1) == plane) {
    if (at::equal(x, x.narrow(0, 0, 1).expand_as(x))) return x[0];
    if (x.dim() == 2 && x.sizes() == shape) return x;  // a signal's channels may differ
    throw Error(name, ": ", x.size(0), " different masks; expected one of shape ", plane);
  }
  throw Error(name, ": the mask is ", array.sizes(), "; expected ", plane,
              ", from the model's samples of ", shape);
}

static at::Tensor levels_of_array(const std::string& name, const fs::path& file,
                                  const Model& model) {
  const at::IntArrayRef shape = model.sample_shape();
  const at::Tensor mask = one_mask(name, read_npy(file), shape, plane_of(shape));
  return levels_of_greys(name, mask.to(at::kDouble), mask.scalar_type() == at::kByte ? 255 : 1);
}

// -> [H, W] for images, else a sample's shape with or without channels.
static at::Tensor read_levels(const std::string& name, const fs::path& file, const Model& model) {
  if (ending_of(file) == ".npy") return levels_of_array(name, file, model);
  const auto& shape = model.sample_shape();
  if (!model.is_image())
    throw Error(name, ": this model makes ", kind_of(model), ", not images; expected a .npy file");
  const StoredImage image = read_stored_image(file);
  if (image.height != shape[1] || image.width != shape[2])
    throw Error(name, ": the mask is ", image.width, "x", image.height,
                " pixels; this model makes ", shape[2], "x", shape[1]);
  return levels_of_picture(name, image);
}

at::Tensor load_mask(const fs::path& file, const Model& model) {
  const std::string name = "--mask " + file.string();
  const at::Tensor levels = read_levels(name, file, model).to(at::kFloat);
  if ((levels > 0).all().item<bool>())
    log_warning(name + ": contains no black, so nothing is kept unchanged");
  if (model.is_image()) return levels.unsqueeze(0).unsqueeze(0);
  return levels.expand(model.sample_shape()).unsqueeze(0);
}

}  // namespace diffuse
