// Arrays saved by other programs: .npy, .npz and .safetensors.
#include <ATen/ops/aminmax.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <utility>

#include "diffuse/core/error.h"
#include "sources.h"
#include "src/arrays/array_file.h"
#include "src/arrays/safetensors.h"
#include "src/core/log.h"
#include "src/files/file.h"
#include "src/files/zip_file.h"
#include "tensor_dataset.h"

namespace diffuse {

namespace fs = std::filesystem;

// The only array besides the labels; arr_0 if there are several.
static std::string usual_array(const fs::path& path, const DataConfig& config,
                               std::vector<std::string> names) {
  std::erase(names, config.labels);
  if (names.size() == 1) return names[0];
  if (std::find(names.begin(), names.end(), "arr_0") != names.end()) return "arr_0";
  if (names.empty()) throw Error(path.string(), ": contains no array of data");
  throw Error(path.string(), ": expected data.array to select one of ", join(names),
              "; for example --set data.array=", names[0],
              config.labels.empty() ? ", and data.labels if one has class numbers" : "");
}

static bool is_safetensors(const fs::path& path) { return ending_of(path) == ".safetensors"; }

static std::vector<std::string> names_in(const fs::path& path) {
  if (!is_safetensors(path)) return npz_names(path);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : read_safetensors(path).tensors) names.push_back(name);
  return names;
}

// Checks a compressed array before it is unpacked: at most 8 bytes per number, stored as 4.
static void check_unpacked(const fs::path& path, const std::string& name,
                           const DataConfig& config) {
  const ZipReader zip(path);
  const ZipReader::Entry* const entry = zip.find(name + ".npy");
  if (entry != nullptr) check_memory(config, static_cast<int64_t>(entry->size / 2), path.string());
}

static at::Tensor read_named(const fs::path& path, const std::string& name,
                             const DataConfig& config) {
  if (!is_safetensors(path)) {
    check_unpacked(path, name, config);
    return read_npz(path, name);
  }
  for (const auto& [found, tensor] : read_safetensors(path).tensors)
    if (found == name) return tensor;
  const std::vector<std::string> names = names_in(path);
  throw Error(path.string(), ": no array \"", name, "\"; it has ", join(names),
              did_you_mean(name, names));
}

static at::Tensor read_items(const fs::path& path, const DataConfig& config) {
  const std::string ending = ending_of(path);
  if (ending == ".npz" || is_safetensors(path))
    return read_named(
        path, config.array.empty() ? usual_array(path, config, names_in(path)) : config.array,
        config);
  if (ending != ".npy") throw Error(path.string(), ": expected a .npy, .npz or .safetensors file");
  if (!config.array.empty() || !config.labels.empty())
    throw Error(path.string(), ": a .npy file has one array without a name; leave data.array ",
                "and data.labels empty, or use an .npz");
  return read_npy(path);
}

// The class numbers of the N items, or none.
static std::vector<int64_t> read_labels(const fs::path& path, const DataConfig& config,
                                        int64_t count) {
  if (config.labels.empty()) return {};
  const at::Tensor labels = read_named(path, config.labels, config);
  const at::Tensor wide = labels.to(at::kLong);
  const bool is_column = labels.dim() == 2 && labels.size(1) == 1;
  const bool whole = at::equal(wide.to(labels.scalar_type()), labels);
  if ((labels.dim() != 1 && !is_column) || labels.size(0) != count || !whole)
    throw Error(path.string(), ": data.labels: \"", config.labels, "\" is ", labels.scalar_type(),
                " ", labels.sizes(), "; expected ", count, " whole numbers");
  const int64_t* begin = wide.const_data_ptr<int64_t>();
  const auto [least, most] = std::minmax_element(begin, begin + count);
  constexpr int64_t kMaxClasses = 1'000'000;
  if (*least < 0 || *most >= kMaxClasses)
    throw Error(path.string(), ": data.labels: from ", *least, " to ", *most,
                "; expected class numbers from 0 on");
  return {begin, begin + count};
}

// Bytes are images: N x C x H x W with 1 or 3 channels, N x H x W x C, or grey N x H x W.
static at::Tensor as_images(const at::Tensor& bytes, const std::string& what) {
  const auto coloured = [](int64_t channels) { return channels == 1 || channels == 3; };
  if (bytes.dim() == 3) return bytes.unsqueeze(1);
  if (bytes.dim() == 4 && coloured(bytes.size(1))) return bytes;
  if (bytes.dim() == 4 && coloured(bytes.size(3))) return bytes.permute({0, 3, 1, 2}).contiguous();
  throw Error(what, ": uint8 ", bytes.sizes(), "; expected images N x C x H x W, N x H x W x C or ",
              "N x H x W with 1 or 3 channels");
}

// Whether the sizes are more likely N x H x W x C than N x C x H x W.
static bool has_channels_last(at::IntArrayRef sizes) {
  return sizes.size() == 4 && sizes[3] <= 4 && std::min(sizes[1], sizes[2]) > 4 &&
         (sizes[1] == sizes[2] || std::min(sizes[1], sizes[2]) >= 16);
}

// Logs the interpretation of ambiguous arrays.
static void say_doubts(const at::Tensor& x, const DataConfig& config, const std::string& what) {
  if (x.dim() == 3 && x.size(1) == x.size(2) && x.size(1) > 4)
    log_info(concat(what, ": numbers ", x.sizes(), " are read as signals of ", x.size(1),
                    " channels; grey images are N x 1 x H x W"));
  if (x.dim() != 4 || config.normalize || !config.range.empty()) return;
  const auto [low, high] = at::aminmax(x);
  const double least = low.item<double>(), most = high.item<double>();
  if (least >= 0 && most <= 1 && most - least > 0.1)
    log_info(concat(what, ": numbers from ", least, " to ", most, " are not scaled, and pictures ",
                    "show -1 as black; data.range=[0,1] scales them to [-1, 1]"));
}

// Numbers are used unscaled: N x D points, N x C x L signals or N x C x H x W images.
static at::Tensor as_numbers(const at::Tensor& array, const DataConfig& config,
                             const std::string& what) {
  if (array.dim() < 2 || array.dim() > 4)
    throw Error(what, ": ", array.scalar_type(), " ", array.sizes(),
                "; expected N x D points, N x C x L signals or N x C x H x W images");
  if (config.image_size != 0 || config.channels != 0)
    throw Error(what, ": numbers are not resized; expected data.image_size and data.channels 0");
  if (has_channels_last(array.sizes()))
    throw Error(what, ": ", array.scalar_type(), " ", array.sizes(),
                " looks like N x H x W x C; transpose it to N x C x H x W");
  check_memory(config, array.numel(), sizeof(float), what);
  return array.to(at::kFloat).contiguous();
}

// The kind of such an array's items, by its dimensions: the file does not record it.
static SampleKind kind_of_numbers(const at::Tensor& array) {
  if (array.dim() == 4) return SampleKind::kFloatImage;
  return array.dim() == 3 ? SampleKind::kSignal : SampleKind::kPoint;
}

// The items with only finite numbers.
static std::vector<int64_t> finite_items(const at::Tensor& items, const DataConfig& config,
                                         const std::string& what) {
  const at::Tensor finite = at::isfinite(items).flatten(1).all(1);
  const bool* good = finite.const_data_ptr<bool>();
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < items.size(0); ++i) {
    if (good[i]) {
      kept.push_back(i);
      continue;
    }
    const std::string problem = concat(what, ": item ", i, " contains numbers that are not finite");
    if (config.on_error != OnError::kSkip)
      throw Error(problem, "; data.on_error = skip leaves it out");
    log_once(LogLevel::kWarning, "skipping " + problem);  // the parts of a set open it each
  }
  return kept;
}

template <class T>
static std::vector<T> chosen(const std::vector<T>& values, const std::vector<int64_t>& indices) {
  std::vector<T> result;
  for (const int64_t i : indices) result.push_back(values.at(i));
  return result;
}

std::shared_ptr<const Dataset> open_array(const DataConfig& config, Split split) {
  const fs::path path = resolve_path(config, "");
  const std::string what = path.string();
  at::Tensor array = read_items(path, config);
  const bool images = array.scalar_type() == at::kByte;
  if (array.numel() == 0) throw Error(what, ": an empty array ", array.sizes());
  if (images) check_memory(config, array.numel(), what);
  if (images && !config.range.empty())
    throw Error("/data/range: expected none, as bytes are images of 0 to 255 already");
  array = images ? as_images(array, what) : as_numbers(array, config, what);
  std::vector<int64_t> labels = read_labels(path, config, array.size(0));
  std::vector<std::string> names;
  if (!labels.empty())
    for (int64_t i = 0; i <= *std::max_element(labels.begin(), labels.end()); ++i)
      names.push_back(std::to_string(i));

  std::vector<int64_t> good = finite_items(array, config, what);
  if (!images && split == Split::kTrain) say_doubts(array, config, what);
  if (config.count > 0 && config.count < std::ssize(good)) good.resize(config.count);
  const auto items = chosen(good, split_indices(config, std::ssize(good), split, what));
  const at::Tensor part = array.index_select(0, at::tensor(items)).contiguous();
  labels = labels.empty() ? labels : chosen(labels, items);
  if (!images)
    return make_tensor_dataset(part, kind_of_numbers(part), std::move(labels), std::move(names));

  const uint8_t* bytes = part.const_data_ptr<uint8_t>();
  if (labels.empty()) labels.assign(items.size(), 0);
  ImageSet set{part.size(1),      part.size(2),    part.size(3), {bytes, bytes + part.numel()},
               std::move(labels), std::move(names)};
  fit_to_config(set, config, Enlarge::kResize, what);
  return make_image_dataset(std::move(set));
}

}  // namespace diffuse
