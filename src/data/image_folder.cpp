#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include "diffuse/core/error.h"
#include "diffuse/io/image_file.h"
#include "parallel.h"
#include "sources.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;

struct Entry {
  fs::path path;
  int64_t label = 0;
};

bool is_picture(const fs::directory_entry& entry) {
  std::string ending = entry.path().extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool hidden = entry.path().filename().string().starts_with('.');
  return !hidden && (ending == ".png" || ending == ".jpg" || ending == ".jpeg") &&
         entry.is_regular_file();
}

// The immediate subfolder of `root` that `path` lies in; "" where it lies in `root` itself.
std::string top_folder(const fs::path& root, const fs::path& path) {
  const fs::path below = path.lexically_relative(root);
  return below.has_parent_path() ? below.begin()->string() : "";
}

struct Listing {
  std::vector<Entry> entries;
  std::vector<std::string> class_names;
};

Listing list_folder(const fs::path& root) {
  std::map<std::string, std::vector<fs::path>> folders;
  const auto options = fs::directory_options::follow_directory_symlink;
  try {
    for (const auto& entry : fs::recursive_directory_iterator(root, options))
      if (is_picture(entry)) folders[top_folder(root, entry.path())].push_back(entry.path());
  } catch (const fs::filesystem_error& error) {
    throw Error(root.string(), ": cannot be listed: ", error.code().message());
  }
  if (folders.empty()) throw Error(root.string(), ": no .png, .jpg or .jpeg file in it");

  Listing listing;
  const bool classes = folders.size() > 1 && !folders.contains("");
  size_t longest = 0;
  for (auto& [name, paths] : folders) {
    std::sort(paths.begin(), paths.end());
    longest = std::max(longest, paths.size());
    if (classes) listing.class_names.push_back(name);
  }
  for (size_t i = 0; i < longest; ++i) {  // the folders take turns
    int64_t label = 0;
    for (const auto& [name, paths] : folders) {
      if (i < paths.size()) listing.entries.push_back({paths[i], label});
      if (classes) ++label;
    }
  }
  return listing;
}

class ImageFolderDataset : public Dataset {
 public:
  ImageFolderDataset(Listing listing, int64_t channels, int64_t side)
      : listing_(std::move(listing)), channels_(channels), side_(side) {}

  int64_t size() const override { return static_cast<int64_t>(listing_.entries.size()); }
  std::vector<int64_t> sample_shape() const override { return {channels_, side_, side_}; }
  std::vector<std::string> class_names() const override { return listing_.class_names; }
  int64_t item_bytes() const { return channels_ * side_ * side_; }

  int64_t label(int64_t index) const override {
    return listing_.class_names.empty() ? -1 : listing_.entries.at(index).label;
  }

  at::Tensor gather(std::span<const int64_t> indices) const override {
    const auto count = static_cast<int64_t>(indices.size());
    at::Tensor batch = at::empty({count, channels_, side_, side_}, at::kFloat);
    float* out = batch.mutable_data_ptr<float>();
    parallel_for(count,
                 [&](int64_t i) { to_unit_range(decode(indices[i]), out + i * item_bytes()); });
    return batch;
  }

  ImageSet load_all() const {
    ImageSet set{channels_, side_, side_, {}, {}, listing_.class_names};
    set.pixels.resize(size() * item_bytes());
    for (const Entry& entry : listing_.entries) set.labels.push_back(entry.label);
    parallel_for(size(), [&](int64_t i) {
      const std::vector<uint8_t> planes = decode(i);
      std::copy(planes.begin(), planes.end(), set.pixels.begin() + i * item_bytes());
    });
    return set;
  }

 private:
  // Planes [C, side, side].
  std::vector<uint8_t> decode(int64_t index) const {
    const Image image = read_image(listing_.entries.at(index).path, channels_);
    return resize_square(to_planes(image.pixels, channels_), channels_, image.height, image.width,
                         side_);
  }

  Listing listing_;
  int64_t channels_;
  int64_t side_;
};

}  // namespace

std::shared_ptr<const Dataset> open_image_folder(const DataConfig& config, Split split) {
  const fs::path root = resolve_path(config, "");
  if (!fs::is_directory(root)) throw Error(root.string(), ": not a folder; data.path must be one");
  Listing all = list_folder(root);
  const auto available = static_cast<int64_t>(all.entries.size());
  const int64_t count = config.count > 0 ? std::min(config.count, available) : available;
  Listing chosen{{}, all.class_names};
  for (const int64_t i : split_indices(config, count, split, root.string()))
    chosen.entries.push_back(std::move(all.entries[i]));

  const int64_t channels = config.channels > 0 ? config.channels : 3;
  const int64_t side = config.image_size > 0 ? config.image_size : 64;
  auto folder = std::make_shared<ImageFolderDataset>(std::move(chosen), channels, side);
  if (!fits_memory(config, folder->size() * folder->item_bytes())) return folder;
  return make_image_dataset(folder->load_all());
}

}  // namespace diffuse
