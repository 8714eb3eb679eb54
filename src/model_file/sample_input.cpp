#include "src/model_file/sample_input.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "src/arrays/array_file.h"
#include "src/core/log.h"
#include "src/data/normalization.h"
#include "src/files/file.h"
#include "src/pictures/image_file.h"
#include "src/pictures/stored_image.h"

namespace fs = std::filesystem;

namespace diffuse {

std::string kind_of(const Model& model) {
  if (model.is_image()) return "images";
  return sample_kind(model.config().model) == SampleKind::kSignal ? "signals" : "points";
}

// Bytes 0 .. 255 -> the data's black .. white.
static at::Tensor from_levels(const at::Tensor& bytes, const Model& model) {
  return from_picture_range(bytes.to(at::kFloat).div(127.5).sub(1), model.config().data);
}

// The same for an array. Throws if its bytes are only zeros and ones: nearly black.
static at::Tensor from_bytes(const std::string& name, const at::Tensor& bytes, const Model& model) {
  if (bytes.max().item<int64_t>() == 1)
    throw Error(name, ": its maximum is 1, so it would be black; expected 0 to 255");
  return from_levels(bytes, model);
}

// Checks what is lost by reading as 8 bits on white.
static void check_stored(const std::string& name, const fs::path& file) {
  const StoredImage image = read_stored_image(file);
  int64_t brightest = 0, faintest = image.white;
  for (size_t i = 0; i < image.values.size(); ++i) {
    const bool is_alpha = image.has_alpha() && (i + 1) % image.channels == 0;
    if (is_alpha)
      faintest = std::min<int64_t>(faintest, image.values[i]);
    else
      brightest = std::max<int64_t>(brightest, image.values[i]);
  }
  if (brightest > 0 && brightest <= image.white / 255)
    throw Error(name, ": its maximum is ", brightest, " of ", image.white,
                ", so it would be black; expected black at 0 and white at ", image.white);
  if (faintest < image.white)
    log_info(name + ": transparent parts are read as white, as in training data");
}

// Pixels HWC, as stored -> uint8 [1, C, H, W].
static at::Tensor to_batch(const Image& image) {
  const at::Tensor pixels = at::tensor(at::ArrayRef<uint8_t>(image.pixels))
                                .view({1, image.height, image.width, image.channels});
  return pixels.permute({0, 3, 1, 2}).contiguous();
}

static bool is_grey(const at::Tensor& x) { return at::equal(x, x.narrow(1, 0, 1).expand_as(x)); }

static at::Tensor load_picture(const std::string& name, const fs::path& file, const Model& model) {
  if (!model.is_image())
    throw Error(name, ": this model makes ", kind_of(model), ", not images; expected a .npy file");
  const auto& shape = model.sample_shape();
  const Image image = read_image(file);
  check_stored(name, file);
  at::Tensor x = to_batch(image);
  if (shape[0] == 1 && is_grey(x)) x = x.narrow(1, 0, 1);
  if (x.size(1) == 3 && shape[0] == 1)
    throw Error(name, ": the image is in colour, this model makes grey ones; convert it first");
  if (x.size(1) == 3 && shape[0] != 3)
    throw Error(name, ": the image has 3 channels, this model's have ", shape[0],
                "; expected a grey one, or a .npy file");
  if (image.height != shape[1] || image.width != shape[2])
    throw Error(name, ": the image is ", image.width, "x", image.height, " pixels; this model ",
                "makes ", shape[2], "x", shape[1]);
  return from_levels(x.repeat({1, shape[0] / x.size(1), 1, 1}), model);
}

at::Tensor as_batch(const at::Tensor& x, at::IntArrayRef shape) {
  const auto batch_of = [&](at::IntArrayRef one) {
    if (x.sizes() == one) return x.unsqueeze(0);
    const bool several =
        x.dim() == std::ssize(one) + 1 && x.size(0) > 0 && x.sizes().slice(1) == one;
    return several ? x : at::Tensor();
  };
  const at::Tensor batch = batch_of(shape);
  if (batch.defined() || shape.size() != 3) return batch;
  const at::Tensor last = batch_of({shape[1], shape[2], shape[0]});
  if (last.defined()) return last.permute({0, 3, 1, 2});
  const at::Tensor grey = shape[0] == 1 ? batch_of({shape[1], shape[2]}) : at::Tensor();
  return grey.defined() ? grey.unsqueeze(1) : grey;
}

static at::Tensor load_array(const std::string& name, const fs::path& file, const Model& model) {
  const at::Tensor array = read_npy(file);
  const at::IntArrayRef shape = model.sample_shape();
  const bool image = model.is_image(), bytes = image && array.scalar_type() == at::kByte;
  const at::Tensor x = as_batch(array, shape);
  if (!x.defined() || (image && !bytes && !array.is_floating_point()))
    throw Error(name, ": expected ", image ? "float or uint8" : "numbers", " N x ", shape, ", got ",
                array.scalar_type(), " ", array.sizes());
  if (bytes) return from_bytes(name, x, model).contiguous();
  if (!at::isfinite(x).all().item<bool>())
    throw Error(name, ": contains numbers that are not finite");
  const bool plain = model.config().data.mean.empty();
  if (image && plain && model.config().sample.clip_x0 &&
      at::logical_and(x >= 0, x <= 1).all().item<bool>())
    log_warning(name + ": all numbers are from 0 to 1; black is -1, white 1");
  return x.to(at::kFloat).contiguous();
}

at::Tensor load_samples(const std::string& flag, const fs::path& file, const Model& model) {
  const std::string name = flag + " " + file.string();
  return ending_of(file) == ".npy" ? load_array(name, file, model)
                                   : load_picture(name, file, model);
}

void check_finite(const std::string& name, const at::Tensor& x) {
  const at::Tensor bad = at::isfinite(x).flatten(1).all(1).logical_not().nonzero();
  if (bad.size(0) > 0)
    throw Error(name, ": sample ", bad[0].item<int64_t>(), " contains numbers that are not finite");
}

void check_range(const std::string& flag, const fs::path& file, const at::Tensor& x,
                 const Model& model, double limit) {
  if (model.to_network(x).abs().max().item<double>() <= limit) return;
  const auto [low, high] = picture_range(model.config().data);
  throw Error(flag, " ", file.string(), ": numbers from ", x.min().item<double>(), " to ",
              x.max().item<double>(), "; expected ", low, " (black) to ", high, " (white)",
              low == -1 && high == 1 ? "; x / 127.5 - 1 scales 0 to 255 to it" : "");
}

double largest_number(const Model& model, const SampleConfig& config) {
  constexpr double kRounding = 0.05;
  return model.is_image() && config.clip_x0 ? 1 + kRounding
                                            : std::numeric_limits<double>::infinity();
}

at::Tensor load_noise(const fs::path& file, const std::vector<int64_t>& shape) {
  const at::Tensor noise = read_npy(file);
  if (noise.scalar_type() != at::kFloat || noise.dim() == 0 || noise.size(0) == 0 ||
      noise.sizes().slice(1) != at::IntArrayRef(shape))
    throw Error("--noise ", file.string(), ": expected float32 N x ", at::IntArrayRef(shape),
                ", got ", noise.scalar_type(), " ", noise.sizes());
  check_finite("--noise " + file.string(), noise);
  return noise;
}

at::Tensor load_sample(const std::string& flag, const fs::path& file, const Model& model,
                       const SampleConfig& config) {
  at::Tensor x = load_samples(flag, file, model);
  if (x.size(0) != 1)
    throw Error(flag, " ", file.string(), ": expected one sample, got ", x.size(0));
  check_range(flag, file, x, model, largest_number(model, config));
  return x;
}

}  // namespace diffuse
