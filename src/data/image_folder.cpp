#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "diffuse/core/error.h"
#include "parallel.h"
#include "picture_entries.h"
#include "sources.h"
#include "src/core/log.h"

namespace diffuse {
namespace {

using Entries = std::vector<PictureEntry>;

struct Listing {
  std::shared_ptr<const FileSet> files;
  Entries entries;
  std::vector<std::string> class_names;
  bool skip = false;  // unreadable files
};

// The parts of a set are opened one after another.
PictureLayout open_layout(const std::filesystem::path& root, bool skip) {
  PictureLayout layout = lay_out_pictures(root, skip);
  for (const std::string& line : layout.left_out.lines())
    log_once(LogLevel::kWarning, concat(root.string(), ": left out ", line));
  for (const std::string& line : layout.others.lines())
    log_once(LogLevel::kInfo, concat(root.string(), ": left out ", line));
  for (const std::string& note : layout.notes)
    log_once(LogLevel::kInfo, concat(root.string(), ": ", note));
  return layout;
}

// Those of `items`, numbers of entries, that can be read.
std::vector<int64_t> readable(const Listing& listing, std::span<const int64_t> items) {
  Entries entries;
  for (const int64_t i : items) entries.push_back(listing.entries[i]);
  const auto problems = problems_of(*listing.files, entries, [](int64_t, const Image&) {});
  std::vector<int64_t> good;
  for (size_t i = 0; i < items.size(); ++i) {
    if (problems[i].empty())
      good.push_back(items[i]);
    else
      log_once(LogLevel::kWarning, "skipping " + problems[i]);
  }
  return good;
}

[[noreturn]] void refuse_unreadable(const Listing& listing) {
  std::string why;
  try {
    read_picture(*listing.files, listing.entries.at(0), 0);
  } catch (const Error& error) {
    why = error.what();
  }
  throw Error("/data/path: none of ", listing.entries.size(), " files can be read; ", why);
}

// As split_indices(), with readable items only: another item replaces an unreadable one that would be held
// out; nothing else changes.
std::vector<int64_t> readable_split(const Listing& all, const DataConfig& config, Split split,
                                    const std::string& what) {
  const auto size = std::ssize(all.entries);
  const std::vector<int64_t> order = split_order(size);
  int64_t held_out = held_out_count(config, size, what), seen = 0;
  std::vector<int64_t> good;
  const auto look_at = [&](int64_t count) {
    const auto more = readable(all, std::span(order).subspan(seen, count));
    good.insert(good.end(), more.begin(), more.end());
    seen += count;
  };
  // One more, so that some remain for training.
  while (std::ssize(good) <= held_out && seen < size)
    look_at(std::min(size - seen, held_out + 1 - std::ssize(good)));
  if (good.empty() && size > 0) refuse_unreadable(all);
  if (std::ssize(good) <= held_out) held_out = held_out_count(config, std::ssize(good), what);
  if (split == Split::kTrain) {
    look_at(size - seen);
    good.erase(good.begin(), good.begin() + held_out);
  } else {
    good.resize(held_out);
  }
  std::sort(good.begin(), good.end());
  return good;
}

// The items of a training or held-out part defined by the set.
std::vector<int64_t> whole_part(const Listing& part) {
  std::vector<int64_t> items(part.entries.size());
  std::iota(items.begin(), items.end(), 0);
  if (!part.skip || items.empty()) return items;
  items = readable(part, items);
  if (items.empty()) refuse_unreadable(part);
  return items;
}

class ImageFolderDataset : public Dataset {
 public:
  ImageFolderDataset(Listing listing, int64_t channels, int64_t side)
      : listing_(std::move(listing)), channels_(channels), side_(side) {}

  int64_t size() const override { return static_cast<int64_t>(listing_.entries.size()); }
  std::vector<int64_t> sample_shape() const override { return {channels_, side_, side_}; }
  SampleKind sample_kind() const override { return SampleKind::kImage; }
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
    for (const PictureEntry& entry : listing_.entries) set.labels.push_back(entry.label);
    parallel_for(size(), [&](int64_t i) {
      const std::vector<uint8_t> planes = decode(i);
      std::copy(planes.begin(), planes.end(), set.pixels.begin() + i * item_bytes());
    });
    return set;
  }

 private:
  // Planes [C, side, side]. If bad files are skipped and this file was damaged or removed since the survey,
  // the planes of the next one of its class.
  std::vector<uint8_t> decode(int64_t index) const {
    constexpr int64_t kMostTried = 100;
    for (int64_t i = 0, tried = 0;; ++i) {
      const PictureEntry& entry = listing_.entries.at((index + i) % size());
      if (label((index + i) % size()) != label(index)) continue;
      try {
        return planes(entry);
      } catch (const Error& error) {
        if (!listing_.skip)
          throw Error(error.what(), "; data.on_error = skip leaves such files out");
        if (++tried == kMostTried || i + 1 >= size())
          throw Error(error.what(), tried == 1
                                        ? "; its class has no other picture"
                                        : concat("; the ", tried - 1,
                                                 " files tried instead cannot be read either"));
        log_once(LogLevel::kWarning,
                 concat("skipping ", error.what(), "; the next picture replaces it"));
      }
    }
  }

  std::vector<uint8_t> planes(const PictureEntry& entry) const {
    const Image image = read_picture(*listing_.files, entry, channels_);
    return resize_square(to_planes(image.pixels, channels_), channels_, image.height, image.width,
                         side_);
  }

  Listing listing_;
  int64_t channels_;
  int64_t side_;
};

}  // namespace

std::shared_ptr<const Dataset> open_image_folder(const DataConfig& config, Split split) {
  const std::filesystem::path root = resolve_path(config, "");
  const bool skip = config.on_error == OnError::kSkip;
  PictureLayout layout = open_layout(root, skip);
  const bool held_out = layout.has_held_out && split == Split::kHeldOut;
  Listing all{layout.files, held_out ? layout.held_out : layout.train, layout.class_names, skip};
  if (config.count > 0 && config.count < std::ssize(all.entries)) all.entries.resize(config.count);
  const auto items = layout.has_held_out ? whole_part(all)
                     : skip              ? readable_split(all, config, split, root.string())
                            : split_indices(config, std::ssize(all.entries), split, root.string());
  Listing chosen{all.files, {}, all.class_names, skip};
  for (const int64_t i : items) chosen.entries.push_back(all.entries[i]);

  const int64_t channels = config.channels > 0 ? config.channels : 3;
  const int64_t side = config.image_size > 0 ? config.image_size : 64;
  auto folder = std::make_shared<ImageFolderDataset>(std::move(chosen), channels, side);
  if (!fits_memory(config, folder->size() * folder->item_bytes())) return folder;
  return make_image_dataset(folder->load_all());
}

}  // namespace diffuse
