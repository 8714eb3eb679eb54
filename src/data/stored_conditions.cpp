#include "src/data/stored_conditions.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "diffuse/core/error.h"
#include "picture_layout.h"
#include "src/data/normalization.h"
#include "src/files/file_set.h"

namespace diffuse {
namespace {

class PairedDataset : public Dataset {
 public:
  PairedDataset(std::shared_ptr<const Dataset> set, std::shared_ptr<const Dataset> conditions)
      : set_(std::move(set)), conditions_(std::move(conditions)) {}

  int64_t size() const override { return set_->size(); }
  std::vector<int64_t> sample_shape() const override { return set_->sample_shape(); }
  SampleKind sample_kind() const override { return set_->sample_kind(); }
  std::vector<std::string> class_names() const override { return set_->class_names(); }
  int64_t label(int64_t index) const override { return set_->label(index); }
  ChannelMoments normalization() const override { return set_->normalization(); }
  at::Tensor gather(std::span<const int64_t> indices) const override {
    return set_->gather(indices);
  }
  at::Tensor condition(std::span<const int64_t> indices) const override {
    return conditions_->gather(indices);
  }
  std::vector<int64_t> condition_shape() const override { return conditions_->sample_shape(); }

 private:
  std::shared_ptr<const Dataset> set_, conditions_;
};

// Paths without the endings of files, in the order of the items.
std::vector<std::string> names_of_pictures(const PictureLayout& layout) {
  std::vector<std::string> names;
  for (const auto* part : {&layout.train, &layout.held_out})
    for (const PictureEntry& entry : *part) {
      const std::string& name = layout.files->names()[entry.file];
      names.push_back(std::filesystem::path(name).replace_extension().string());
    }
  return names;
}

}  // namespace

// Both folders must have pictures of the same names, which are then in the same order.
static void check_names(const std::filesystem::path& data,
                        const std::filesystem::path& conditions) {
  const std::vector<std::string> ours = names_of_pictures(lay_out_pictures(data, false));
  const std::vector<std::string> theirs = names_of_pictures(lay_out_pictures(conditions, false));
  for (size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
    const auto name = [&](const std::vector<std::string>& names) {
      return i < names.size() ? printable(names[i]) : std::string("no more");
    };
    if (name(ours) != name(theirs))
      throw Error("/condition/path: ", conditions.string(), " must have the names of ",
                  data.string(), "; in order, picture ", i + 1, " is ", name(theirs), " there and ",
                  name(ours), " in the data");
  }
}

// Items of an array are those of the pictures in the order of their names, if that is the set's order.
static void check_plain_folder(const std::filesystem::path& data) {
  const PictureLayout layout = lay_out_pictures(data, false);
  if (!layout.class_names.empty() || layout.has_held_out)
    throw Error("/condition/path: an array is paired with the pictures of ", data.string(),
                " by number, but these have classes or parts; expected a folder of pictures");
}

// The condition's own data section, which splits it like the data.
static DataConfig data_of_condition(const Config& config, const Dataset& set) {
  DataConfig own =
      data_config_of(resolve_path({.type = DataType::kArray, .path = config.condition.path}, ""));
  own.count = config.data.count;
  own.held_out = config.data.held_out;
  own.array = config.condition.array;
  own.memory_limit_mb = config.data.memory_limit_mb;
  const bool folder = own.type == DataType::kImageFolder;
  if (folder && config.condition.type == ConditionType::kVector)
    throw Error("/data/path: ", own.path,
                ": expected a .npy, .npz or .safetensors file of vectors");
  if (folder && config.data.type != DataType::kImageFolder)
    throw Error("/data/path: ", own.path, ": pictures are paired by name with an image_folder; ",
                "for /data/type \"", config.data.type, "\" expected an array");
  if (folder) own.image_size = set.sample_shape().at(1);
  if (folder) own.channels = config.data.channels;
  return own;
}

// Errors of data that name the condition's keys instead.
template <class Work>
static auto as_condition(const Work& work) {
  try {
    return work();
  } catch (const Error& error) {
    std::string message = error.what();
    if (message.starts_with("/data/path: ")) message.replace(1, 4, "condition");
    for (const std::string key : {" data.path", " data.array"})  // but not in the names of files
      for (size_t at = message.find(key); at != std::string::npos; at = message.find(key, at + 1))
        message.replace(at + key.find("data"), 4, "condition");
    throw Error(message);
  }
}

// `conditions` on the scale of condition.mean and std, which are filled in where they are empty; pictures have
// theirs.
static std::shared_ptr<const Dataset> scaled(std::shared_ptr<const Dataset> conditions,
                                             const DataConfig& own, Config& config) {
  ConditionConfig& condition = config.condition;
  if (conditions->sample_kind() == SampleKind::kImage) {
    if (!condition.mean.empty())
      throw Error("/condition/mean: expected none, as ", own.path, " holds 8-bit images, whose ",
                  "scale is from -1 to 1");
    return conditions;
  }
  if (condition.mean.empty()) {
    const ChannelMoments moments = channel_moments(*make_dataset(own, Split::kTrain, config.seed));
    condition.mean = moments.mean;
    condition.std = moments.std;
    std::replace(condition.std.begin(), condition.std.end(), 0.0, 1.0);
  }
  const int64_t channels = conditions->sample_shape().at(0);
  if (std::ssize(condition.mean) != channels)
    throw Error("/condition/mean: expected ", channels, " numbers, one for each channel of ",
                own.path, ", or none, got ", condition.mean.size());
  return normalized(std::move(conditions), {condition.mean, condition.std});
}

std::shared_ptr<const Dataset> with_stored_conditions(std::shared_ptr<const Dataset> set,
                                                      Config& config, Split split) {
  ConditionConfig& condition = config.condition;
  if (!condition.is_stored()) return set;
  if (config.data.on_error == OnError::kSkip)
    throw Error("/data/on_error: expected refuse with the condition ", condition.type,
                ", so that each item keeps its own");
  const DataConfig own = as_condition([&] { return data_of_condition(config, *set); });
  if (config.data.type == DataType::kImageFolder) {
    const std::filesystem::path pictures = resolve_path(config.data, "");
    own.type == DataType::kImageFolder ? check_names(pictures, own.path)
                                       : check_plain_folder(pictures);
  }
  auto conditions = as_condition([&] { return make_dataset(own, split, config.seed); });
  if (conditions->size() != set->size())
    throw Error("/condition/path: ", own.path, ": expected one item for each of the data's, got ",
                conditions->size(), " for the ", set->size(), " of the ",
                split == Split::kTrain ? "training" : "held-out", " part");
  return std::make_shared<PairedDataset>(std::move(set),
                                         scaled(std::move(conditions), own, config));
}

}  // namespace diffuse
