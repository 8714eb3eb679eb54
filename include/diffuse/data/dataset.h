// Data sets behind one interface.
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

// Of each channel of images and signals, each dimension of points.
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
  // Thread-safe. Throws Error naming the file when one cannot be decoded.
  virtual at::Tensor gather(std::span<const int64_t> indices) const = 0;

  // Class of an item, 0 .. class_names().size() - 1; -1 where the set has no labels.
  virtual int64_t label(int64_t index) const = 0;

  // What make_dataset normalised the items with; empty where it did not.
  virtual ChannelMoments normalization() const { return {}; }

  bool is_image() const { return diffuse::is_image(sample_kind()); }
};

// A model's config with what its samples are.
ModelConfig with_samples_of(ModelConfig config, const Dataset& data);

// Builds the set a config describes, normalised where it says so. Generated sets depend on `seed` and the split alone.
// Throws Error for a missing path, a bad file or a set with no items.
std::shared_ptr<const Dataset> make_dataset(const DataConfig& config, Split split, uint64_t seed);

// Where its files are: config.path as given or else below $DIFFUSE_DATA (./data where that is not
// set); the folder `usual` there when config.path is empty. Throws Error when nothing is there.
std::filesystem::path resolve_path(const DataConfig& config, const std::string& usual);

// The set at a path: pictures of a folder or archive, or an array in a .npy, .npz or .safetensors
// file. Throws Error where the path is something else.
DataConfig data_config_of(const std::filesystem::path& path);

}  // namespace diffuse
