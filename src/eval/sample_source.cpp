#include "src/eval/sample_source.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "diffuse/core/error.h"
#include "src/arrays/array_file.h"
#include "src/core/log.h"
#include "src/data/condition.h"
#include "src/data/normalization.h"
#include "src/data/spaced_items.h"
#include "src/eval/eval_work.h"
#include "src/files/file.h"
#include "src/model_file/generate_together.h"
#include "src/model_file/sample_input.h"
#include "src/pictures/image_file.h"
#include "src/pictures/picture_files.h"

namespace fs = std::filesystem;

namespace diffuse {

static int64_t checked_count(const fs::path& path, int64_t there, int64_t wanted) {
  if (wanted > there) throw Error("-n ", wanted, ": ", path.string(), " holds ", there, " samples");
  if (there == 0) throw Error("--samples ", path.string(), ": contains no samples");
  return wanted == 0 ? there : wanted;
}

static void check_shape(const std::string& name, at::IntArrayRef found,
                        const std::vector<int64_t>& wanted) {
  if (found != at::IntArrayRef(wanted))
    throw Error("--samples ", name, ": samples of ", found, ", but the model's are of ",
                at::IntArrayRef(wanted));
}

// Images are in [-1, 1], apart from overshoot without clipping; [0, 255] is not overshoot.
static void check_numbers(const std::string& name, const at::Tensor& x, bool images) {
  check_finite("--samples " + name, x);
  const auto [low, high] = x.aminmax();
  const double least = low.item<double>(), most = high.item<double>();
  if (images && least >= 0 && most <= 1)
    log_warning(concat("--samples ", name, ": all numbers are from 0 to 1; black is -1, white 1"));
  if (images && (least < -2 || most > 2))
    throw Error("--samples ", name, ": numbers from ", least, " to ", most,
                "; expected images in [-1, 1], or uint8 [N, H, W, C] as arr_0 of an .npz");
}

// [N, sample shape]: uint8 images or float32.
static at::Tensor read_array(const fs::path& path) {
  if (ending_of(path) == ".npz") {
    const at::Tensor images = read_npz(path, "arr_0");
    if (images.scalar_type() != at::kByte || images.dim() != 4)
      throw Error("--samples ", path.string(), ": arr_0 is ", images.scalar_type(), " ",
                  images.sizes(), "; expected uint8 [N, H, W, C]");
    return images.permute({0, 3, 1, 2});
  }
  const InputFile file(path);
  if (!file.read(0, std::min<uint64_t>(file.size(), 6)).starts_with("\x93NUMPY"))
    throw Error("--samples ", path.string(), ": expected a .npz, a .npy or a folder of pictures");
  const at::Tensor x = read_npy(path);
  if (!x.is_floating_point() || x.dim() < 2)
    throw Error("--samples ", path.string(), ": expected float32 [N, C, H, W] or [N, D], got ",
                x.scalar_type(), " ", x.sizes());
  return x.to(at::kFloat);
}

static at::Tensor in_unit_range(const at::Tensor& bytes) {
  return bytes.to(at::kFloat) / 127.5 - 1;
}

// uint8 [C, H, W].
static at::Tensor read_sample(const FileSet& files, size_t file,
                              const std::vector<int64_t>& shape) {
  const std::string title = files.title(file);
  const Image image = decode_image(files.read(file), title, shape.size() == 3 ? shape[0] : 0);
  check_shape(title, {image.channels, image.height, image.width}, shape);
  return at::tensor(image.pixels)
      .view({image.height, image.width, image.channels})
      .permute({2, 0, 1});
}

// The pictures directly in the folder. The first is read at once, before any other work.
static SampleSource folder_of_images(const fs::path& folder, const std::vector<int64_t>& shape,
                                     int64_t n, int64_t batch) {
  const PictureFiles found = find_pictures(folder);
  LeftOut left_out = found.left_out;
  std::vector<size_t> pictures;
  for (const size_t i : found.pictures) {
    const std::string& name = found.files->names()[i];
    if (name.find('/') == std::string::npos)
      pictures.push_back(i);
    else
      left_out.add("pictures in folders below", name);
  }
  for (const std::string& line : left_out.lines())
    log_warning(concat("--samples ", folder.string(), ": left out ", line));
  const int64_t count = checked_count(folder, std::ssize(pictures), n);
  read_sample(*found.files, pictures.at(0), shape);
  return {count, batch, [files = found.files, pictures, shape](int64_t first, int64_t size) {
            std::vector<at::Tensor> images;
            for (int64_t i = first; i < first + size; ++i)
              images.push_back(read_sample(*files, pictures[i], shape));
            return in_unit_range(at::stack(images));
          }};
}

SampleSource stored_samples(const fs::path& path, const std::vector<int64_t>& shape, int64_t n,
                            int64_t batch) {
  if (fs::is_directory(path)) return folder_of_images(path, shape, n, batch);
  const at::Tensor all = read_array(path);
  const std::vector<int64_t> found = all.sizes().slice(1).vec();
  if (shape.size() == 3 && found != shape && found == std::vector{shape[1], shape[2], shape[0]})
    throw Error("--samples ", path.string(), ": ", all.sizes(), " looks like N x H x W x C; ",
                "transpose it to N x C x H x W");
  check_shape(path.string(), found, shape);
  const int64_t count = checked_count(path, all.size(0), n);
  if (all.scalar_type() != at::kByte) check_numbers(path.string(), all, shape.size() == 3);
  return {count, batch, [all](int64_t first, int64_t size) {
            const at::Tensor x = all.slice(0, first, first + size);
            return x.scalar_type() == at::kByte ? in_unit_range(x) : x;
          }};
}

SampleSource items_of(const std::shared_ptr<const Dataset>& data, int64_t n, int64_t batch) {
  return {n, batch, [data, n](int64_t first, int64_t size) {
            return gather_data_units(*data, spaced_items(data->size(), n, first, size));
          }};
}

GenerateOptions with_conditioning(GenerateOptions options, const Model& model, const Dataset& data,
                                  const SampleRange& range, uint64_t seed) {
  const ConditionConfig& condition = model.config().condition;
  options.labels = round_robin_labels(range.count, options.classes, range.first);
  if (!condition.is_on()) return options;
  if (data.size() == 0)
    throw Error("/data/held_out: ", model.name(), " is given the conditions of items, but this ",
                "part of the data has none");
  const std::vector<int64_t> items = spaced_items(data.size(), range.of, range.first, range.count);
  if (options.classes > 0) options.labels = labels_of_items(data, items);
  options.condition = condition_of_items(condition, data, items, seed);
  return options;
}

SampleSource generated_samples(const Model& model, const GenerateOptions& options,
                               const EvaluationOptions& evaluation,
                               const std::shared_ptr<const Dataset>& data, int64_t n) {
  return {n, evaluation.batch * evaluation.world->size(),
          [=, seed = evaluation.seed, world = evaluation.world](int64_t first, int64_t size) {
            const GenerateOptions some =
                with_conditioning(options, model, *data, {first, size, n}, seed);
            const auto on_step = [](const SampleStep&) { end_if_stopped(); };
            const auto keys = consecutive_keys(seed, static_cast<uint64_t>(first), size);
            return generate_together(*world, model, keys, some, on_step);
          }};
}

}  // namespace diffuse
