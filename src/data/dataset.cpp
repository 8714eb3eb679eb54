#include "diffuse/data/dataset.h"

#include <cstdlib>
#include <utility>

#include "diffuse/core/error.h"
#include "sources.h"
#include "src/data/normalization.h"
#include "src/files/file.h"
#include "src/files/file_set.h"

namespace diffuse {

std::filesystem::path resolve_path(const DataConfig& config, const std::string& usual) {
  const char* variable = std::getenv("DIFFUSE_DATA");
  const std::filesystem::path root = variable != nullptr && *variable ? variable : "data";
  const std::string& wanted = config.path.empty() ? usual : config.path;
  if (wanted.empty())
    throw Error("/data/path: ", config.type, " needs one, for example --set data.path=FOLDER");
  if (!config.path.empty() && std::filesystem::exists(config.path)) return config.path;
  const std::filesystem::path path = root / wanted;  // `wanted` itself if it is absolute
  if (std::filesystem::exists(path)) return path;
  const std::string name = config.type == DataType::kCifar10 ? "cifar-10" : word_of(config.type);
  const std::string script =
      usual.empty() ? "" : concat(", or run scripts/download_data.sh ", name);
  throw Error("/data/path: ", path.string(), " does not exist; set it with ",
              "--set data.path=..., or set DIFFUSE_DATA to its parent folder", script);
}

ModelConfig with_samples_of(ModelConfig config, const Dataset& data) {
  config.sample_shape = data.sample_shape();
  config.sample_kind = data.sample_kind();
  return config;
}

DataConfig data_config_of(const std::filesystem::path& path) {
  DataConfig config{.path = path.string()};
  const std::string ending = ending_of(path);
  if (!std::filesystem::exists(path)) throw Error(path.string(), ": does not exist");
  if (std::filesystem::is_directory(path) || is_archive(path))
    config.type = DataType::kImageFolder;
  else if (ending == ".npy" || ending == ".npz" || ending == ".safetensors")
    config.type = DataType::kArray;
  else
    throw Error(path.string(),
                ": not data; expected a folder, .zip, .tar or .tar.gz of pictures, or ",
                "a .npy, .npz or .safetensors file");
  return config;
}

static std::shared_ptr<const Dataset> make_plain(const DataConfig& config, Split split,
                                                 uint64_t seed) {
  switch (config.type) {
    case DataType::kSwissRoll:
      return draw_swiss_roll(config, split, seed);
    case DataType::kGaussian:
      return draw_gaussian(config, split, seed);
    case DataType::kGaussianMixture:
      return draw_mixture(config, split, seed);
    case DataType::kWaveforms:
      return draw_waveforms(config, split, seed);
    case DataType::kAutoregressive:
      return draw_autoregressive(config, split, seed);
    case DataType::kShapes:
      return make_image_dataset(draw_shapes(config, split, seed));
    case DataType::kMnist:
      return make_image_dataset(load_mnist(config, split));
    case DataType::kCifar10:
      return make_image_dataset(load_cifar10(config, split));
    case DataType::kImageFolder:
      return open_image_folder(config, split);
    case DataType::kArray:
      return open_array(config, split);
  }
  return nullptr;
}

std::shared_ptr<const Dataset> make_dataset(const DataConfig& config, Split split, uint64_t seed) {
  if (config.channels != 0 && config.channels != 1 && config.channels != 3)
    throw Error("/data/channels: ", config.channels,
                ", expected 1 (grey), 3 (colour) or 0 (as stored)");
  auto set = make_plain(config, split, seed);
  if (config.horizontal_flip && !set->is_image())
    throw Error("/data/horizontal_flip: ", config.type, " holds ", set->sample_kind(),
                "s; expected false");
  if (!config.range.empty()) {
    const auto channels = static_cast<size_t>(set->sample_shape().at(0));
    const double low = config.range.at(0), high = config.range.at(1);
    return normalized(std::move(set), {std::vector<double>(channels, (low + high) / 2),
                                       std::vector<double>(channels, (high - low) / 2)});
  }
  if (!config.normalize) return set;
  if (!config.mean.empty()) return normalized(std::move(set), {config.mean, config.std});
  const auto learnt = split == Split::kTrain ? set : make_plain(config, Split::kTrain, seed);
  return normalized(std::move(set), channel_moments(*learnt));
}

}  // namespace diffuse
