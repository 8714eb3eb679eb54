#include "diffuse/data/dataset.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <numeric>
#include <utility>

#include "diffuse/core/error.h"
#include "diffuse/core/random.h"
#include "sources.h"

namespace diffuse {
namespace {

// Items in memory: uint8 images [N, C, H, W] or float32 points [N, D].
class TensorDataset : public Dataset {
 public:
  TensorDataset(at::Tensor items, std::vector<int64_t> labels, std::vector<std::string> class_names)
      : items_(std::move(items)),
        labels_(std::move(labels)),
        class_names_(std::move(class_names)) {}

  int64_t size() const override { return items_.size(0); }
  std::vector<int64_t> sample_shape() const override { return items_.sizes().slice(1).vec(); }
  std::vector<std::string> class_names() const override { return class_names_; }

  int64_t label(int64_t index) const override {
    TORCH_CHECK(0 <= index && index < size(), "item ", index, " of ", size());
    return class_names_.empty() ? -1 : labels_[index];
  }

  // A plain loop: the loader calls this from its own thread, where LibTorch's operators would
  // start a second pool of threads.
  at::Tensor gather(std::span<const int64_t> indices) const override {
    std::vector<int64_t> shape = sample_shape();
    shape.insert(shape.begin(), static_cast<int64_t>(indices.size()));
    at::Tensor batch = at::empty(shape, at::kFloat);
    const int64_t stride = items_.stride(0);
    float* out = batch.mutable_data_ptr<float>();
    for (const int64_t i : indices) {
      TORCH_CHECK(0 <= i && i < size(), "item ", i, " of ", size());
      if (items_.scalar_type() == at::kByte)
        to_unit_range({items_.const_data_ptr<uint8_t>() + i * stride, static_cast<size_t>(stride)},
                      out);
      else
        std::copy_n(items_.const_data_ptr<float>() + i * stride, stride, out);
      out += stride;
    }
    return batch;
  }

 private:
  at::Tensor items_;
  std::vector<int64_t> labels_;
  std::vector<std::string> class_names_;
};

// Held-out points come from the same law as the others, from streams of their own.
template <class Draw>
std::shared_ptr<const Dataset> draw_points(const DataConfig& config, Split split, uint64_t seed,
                                           int64_t dimensions, const Draw& draw) {
  constexpr uint64_t kHeldOutOffset = uint64_t{1} << 40;
  const uint64_t first = split == Split::kTrain ? 0 : kHeldOutOffset;
  int64_t count = config.count > 0 ? config.count : 5000;
  if (split == Split::kHeldOut && config.held_out > 0) count = config.held_out;
  check_memory(config, count * dimensions * int64_t{sizeof(float)}, "data.type " + config.type);

  at::Tensor points = at::empty({count, dimensions}, at::kFloat);
  float* out = points.mutable_data_ptr<float>();
  for (int64_t i = 0; i < count; ++i, out += dimensions) {
    RandomStream random(seed, Purpose::kDataset, first + i);
    draw(random, std::span<float>(out, dimensions));
  }
  return std::make_shared<TensorDataset>(std::move(points), std::vector<int64_t>{},
                                         std::vector<std::string>{});
}

// scikit-learn's make_swiss_roll seen along its axis: (t cos t, t sin t) + noise z, over 4, with
// t uniform in [1.5 pi, 4.5 pi] and z ~ N(0, I).
std::shared_ptr<const Dataset> draw_swiss_roll(const DataConfig& config, Split split,
                                               uint64_t seed) {
  constexpr double kScale = 4;
  return draw_points(config, split, seed, 2, [&](RandomStream& random, std::span<float> out) {
    const double t = 1.5 * std::numbers::pi * (1 + 2 * random.uniform());
    out[0] = static_cast<float>((t * std::cos(t) + config.noise * random.normal()) / kScale);
    out[1] = static_cast<float>((t * std::sin(t) + config.noise * random.normal()) / kScale);
  });
}

std::shared_ptr<const Dataset> draw_gaussian(const DataConfig& config, Split split, uint64_t seed) {
  const auto sigma = static_cast<float>(std::sqrt(config.variance));
  return draw_points(config, split, seed, config.dimensions,
                     [&](RandomStream& random, std::span<float> out) {
                       random.fill_normal(out);
                       for (float& value : out) value *= sigma;
                     });
}

// Component k with probability weights[k] / sum, then N(means[k], variance I).
std::shared_ptr<const Dataset> draw_mixture(const DataConfig& config, Split split, uint64_t seed) {
  const auto components = config.means.size() / static_cast<size_t>(config.dimensions);
  TORCH_CHECK(components > 0, "a mixture wants components");
  std::vector<double> cumulative =
      config.weights.empty() ? std::vector<double>(components, 1.0) : config.weights;
  std::partial_sum(cumulative.begin(), cumulative.end(), cumulative.begin());
  const double sigma = std::sqrt(config.variance);
  return draw_points(
      config, split, seed, config.dimensions, [&](RandomStream& random, std::span<float> out) {
        const double place = random.uniform() * cumulative.back();
        const auto k =
            std::upper_bound(cumulative.begin(), cumulative.end() - 1, place) - cumulative.begin();
        for (size_t d = 0; d < out.size(); ++d)
          out[d] = static_cast<float>(config.means[k * out.size() + d] + sigma * random.normal());
      });
}

}  // namespace

std::filesystem::path resolve_path(const DataConfig& config, const std::string& usual) {
  const char* variable = std::getenv("DIFFUSE_DATA");
  const std::filesystem::path root = variable != nullptr && *variable ? variable : "data";
  const std::string& wanted = config.path.empty() ? usual : config.path;
  if (wanted.empty())
    throw Error("data.path: ", config.type, " needs one, for example --set data.path=FOLDER");
  if (!config.path.empty() && std::filesystem::exists(config.path)) return config.path;
  const std::filesystem::path path = root / wanted;  // `wanted` itself where it is absolute
  if (std::filesystem::exists(path)) return path;
  const std::string name = config.type == "cifar10" ? "cifar-10" : config.type;
  const std::string script =
      usual.empty() ? "" : concat(", or run scripts/download_data.sh ", name);
  throw Error("data.path: ", path.string(), " does not exist; give the place with ",
              "--set data.path=..., or set DIFFUSE_DATA to the folder above it", script);
}

std::shared_ptr<const Dataset> make_image_dataset(ImageSet set) {
  const int64_t count = set.size();
  auto owner = std::make_shared<std::vector<uint8_t>>(std::move(set.pixels));
  at::Tensor items = at::from_blob(
      owner->data(), {count, set.channels, set.height, set.width}, [owner](void*) {}, at::kByte);
  return std::make_shared<TensorDataset>(std::move(items), std::move(set.labels),
                                         std::move(set.class_names));
}

std::shared_ptr<const Dataset> make_dataset(const DataConfig& config, Split split, uint64_t seed) {
  if (config.channels != 0 && config.channels != 1 && config.channels != 3)
    throw Error("data.channels: ", config.channels,
                ", wanted 1 (grey), 3 (colour) or 0 (as stored)");
  const bool points = config.type == "swiss_roll" || config.type.starts_with("gaussian");
  if (points && config.horizontal_flip)
    throw Error("data.horizontal_flip: ", config.type, " holds points, wanted false");
  if (config.type == "swiss_roll") return draw_swiss_roll(config, split, seed);
  if (config.type == "gaussian") return draw_gaussian(config, split, seed);
  if (config.type == "gaussian_mixture") return draw_mixture(config, split, seed);
  if (config.type == "shapes") return make_image_dataset(draw_shapes(config, split, seed));
  if (config.type == "mnist") return make_image_dataset(load_mnist(config, split));
  if (config.type == "cifar10") return make_image_dataset(load_cifar10(config, split));
  if (config.type == "image_folder") return open_image_folder(config, split);
  const std::vector<std::string> types{"swiss_roll", "gaussian", "gaussian_mixture", "shapes",
                                       "mnist",      "cifar10",  "image_folder"};
  throw Error("data.type: unknown set \"", config.type, "\", wanted one of ", join(types),
              did_you_mean(config.type, types));
}

}  // namespace diffuse
