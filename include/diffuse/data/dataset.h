// The interface of data sets.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "diffuse/config/config.h"

namespace diffuse {

enum class Split { kTrain, kHeldOut };

// One number per channel of images and signals, or per dimension of points.
struct ChannelMoments {
  std::vector<double> mean, std;
};

class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;
  virtual std::vector<int64_t> sample_shape() const = 0;  // [C, H, W], [C, L], [D]
  virtual SampleKind sample_kind() const = 0;
  virtual std::vector<std::string> class_names() const { return {}; }  // empty = no labels

  // Items by number -> float32 [B, sample_shape...]; images in [-1, 1]: uint8 / 127.5 - 1.
  // Thread-safe. Throws Error naming the file if one cannot be decoded.
  virtual at::Tensor gather(std::span<const int64_t> indices) const = 0;

  // uint8 [N, sample_shape...] on the CPU, where that is what gather() reads and scales; else undefined.
  virtual at::Tensor bytes() const { return {}; }

  // Class of an item, 0 .. class_names().size() - 1; -1 if the set has no labels.
  virtual int64_t label(int64_t index) const = 0;

  // What is stored beside items as their condition, float32 [B, condition_shape()...]; undefined for none.
  virtual at::Tensor condition(std::span<const int64_t>) const { return {}; }
  virtual std::vector<int64_t> condition_shape() const { return {}; }

  // The moments by which make_dataset normalised the items; empty for none.
  virtual ChannelMoments normalization() const { return {}; }

  bool is_image() const { return diffuse::is_image(sample_kind()); }
};

// A model's config with the shape and kind of the samples filled in.
ModelConfig with_samples_of(ModelConfig config, const Dataset& data);

// Builds a config's data set, normalised if the config says so. Generated sets depend only on `seed` and
// the split. Throws Error for a missing path, a bad file or a set without items.
std::shared_ptr<const Dataset> make_dataset(const DataConfig& config, Split split, uint64_t seed);

// The path of its files: config.path as given, or else below $DIFFUSE_DATA (default ./data); the folder
// `usual` there if config.path is empty. Throws Error if it does not exist.
std::filesystem::path resolve_path(const DataConfig& config, const std::string& usual);

// The config of the set at a path: pictures in a folder or archive, or an array in a .npy, .npz or
// .safetensors file. Throws Error for other paths.
DataConfig data_config_of(const std::filesystem::path& path);

}  // namespace diffuse
