#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include "diffuse/core/error.h"
#include "diffuse/core/log.h"
#include "diffuse/data/image_survey.h"
#include "diffuse/io/file_set.h"
#include "diffuse/io/image_file.h"
#include "parallel.h"
#include "sources.h"

namespace diffuse {
namespace {

struct Entry {
  size_t file = 0;  // number in the file set
  int64_t label = 0;
};

struct Listing {
  std::shared_ptr<const FileSet> files;
  std::vector<Entry> entries;
  std::vector<std::string> class_names;
};

bool is_picture(std::string_view name) {
  const std::string_view file = name.substr(name.rfind('/') + 1);
  std::string ending(file.substr(std::min(file.rfind('.'), file.size())));
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return !file.starts_with('.') && (ending == ".png" || ending == ".jpg" || ending == ".jpeg");
}

// The length of "a/b/", the path of the deepest folder that holds all of the sorted `names`.
size_t shared_folder(const std::vector<std::string>& names) {
  const std::string &first = names.front(), &last = names.back();
  const auto end = std::mismatch(first.begin(), first.end(), last.begin(), last.end()).first;
  return first.rfind('/', static_cast<size_t>(end - first.begin())) + 1;  // npos + 1 = 0
}

Listing list_pictures(const std::filesystem::path& root) {
  Listing listing{.files = open_file_set(root, is_picture), .entries = {}, .class_names = {}};
  const std::vector<std::string>& names = listing.files->names();
  if (names.empty()) throw Error(root.string(), ": no .png, .jpg or .jpeg file in it");

  std::map<std::string, std::vector<size_t>> folders;  // "" holds files that lie loose
  const size_t begin = shared_folder(names);
  for (size_t i = 0; i < names.size(); ++i) {
    const size_t slash = names[i].find('/', begin);
    folders[slash == std::string::npos ? "" : names[i].substr(begin, slash - begin)].push_back(i);
  }
  const bool classes = folders.size() > 1 && !folders.contains("");
  size_t longest = 0;
  for (const auto& [name, files] : folders) {
    longest = std::max(longest, files.size());
    if (classes) listing.class_names.push_back(name);
  }
  for (size_t i = 0; i < longest; ++i) {  // the folders take turns
    int64_t label = 0;
    for (const auto& [name, files] : folders) {
      if (i < files.size()) listing.entries.push_back({files[i], label});
      if (classes) ++label;
    }
  }
  return listing;
}

Image read_picture(const Listing& listing, const Entry& entry, int64_t channels) {
  return decode_image(listing.files->read(entry.file), listing.files->title(entry.file), channels);
}

// Calls use(i, image) for every entry, on several threads. Returns what is wrong with each: "" where
// it could be read.
template <class Use>
std::vector<std::string> problems_of(const Listing& listing, const Use& use) {
  const auto count = static_cast<int64_t>(listing.entries.size());
  std::vector<std::string> problems(count);
  parallel_for(count, [&](int64_t i) {
    try {
      use(i, read_picture(listing, listing.entries[i], 0));
    } catch (const Error& error) {
      problems[i] = error.what();
    }
  });
  return problems;
}

void leave_out_unreadable(Listing& listing) {
  const auto problems = problems_of(listing, [](int64_t, const Image&) {});
  std::vector<Entry> readable;
  for (size_t i = 0; i < problems.size(); ++i) {
    if (problems[i].empty())
      readable.push_back(listing.entries[i]);
    else
      log_warning("skipping " + problems[i]);
  }
  if (readable.empty() && !problems.empty())
    throw Error("/data/path: none of ", problems.size(), " files can be read; ", problems[0]);
  listing.entries = std::move(readable);
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
    try {
      const Image image = read_picture(listing_, listing_.entries.at(index), channels_);
      return resize_square(to_planes(image.pixels, channels_), channels_, image.height, image.width,
                           side_);
    } catch (const Error& error) {
      throw Error(error.what(), "; data.on_error = skip leaves such files out");
    }
  }

  Listing listing_;
  int64_t channels_;
  int64_t side_;
};

}  // namespace

ImageSurvey survey_images(const DataConfig& config) {
  const Listing listing = list_pictures(resolve_path(config, ""));
  std::vector<Image> sizes(listing.entries.size());  // without their pixels
  const auto problems = problems_of(listing, [&](int64_t i, const Image& image) {
    sizes[i] = {image.height, image.width, image.channels, {}};
  });
  ImageSurvey survey;
  survey.files = static_cast<int64_t>(sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (!problems[i].empty()) {
      survey.bad.push_back(problems[i]);
      continue;
    }
    const auto widen = [](int64_t value, int64_t& least, int64_t& most) {
      least = most == 0 ? value : std::min(least, value);
      most = std::max(most, value);
    };
    widen(sizes[i].height, survey.min_height, survey.max_height);
    widen(sizes[i].width, survey.min_width, survey.max_width);
    if (sizes[i].channels == 1) ++survey.grey;
  }
  return survey;
}

std::shared_ptr<const Dataset> open_image_folder(const DataConfig& config, Split split) {
  const std::filesystem::path root = resolve_path(config, "");
  Listing all = list_pictures(root);
  const auto available = static_cast<int64_t>(all.entries.size());
  const int64_t count = config.count > 0 ? std::min(config.count, available) : available;
  Listing chosen{all.files, {}, all.class_names};
  for (const int64_t i : split_indices(config, count, split, root.string()))
    chosen.entries.push_back(all.entries[i]);
  if (config.on_error == "skip") leave_out_unreadable(chosen);

  const int64_t channels = config.channels > 0 ? config.channels : 3;
  const int64_t side = config.image_size > 0 ? config.image_size : 64;
  auto folder = std::make_shared<ImageFolderDataset>(std::move(chosen), channels, side);
  if (!fits_memory(config, folder->size() * folder->item_bytes())) return folder;
  return make_image_dataset(folder->load_all());
}

}  // namespace diffuse
