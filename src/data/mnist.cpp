#include <algorithm>
#include <array>
#include <iomanip>
#include <numeric>
#include <utility>

#include "diffuse/core/error.h"
#include "sources.h"
#include "src/files/gz_file.h"

namespace diffuse {
namespace {

struct Idx {
  std::vector<int64_t> sizes;
  std::vector<uint8_t> bytes;
};

std::string hex(uint32_t value) {
  std::ostringstream out;
  out << "0x" << std::hex << std::setw(8) << std::setfill('0') << value;
  return out.str();
}

uint32_t big_endian(const uint8_t* b) {
  return uint32_t{b[0]} << 24 | uint32_t{b[1]} << 16 | uint32_t{b[2]} << 8 | b[3];
}

// An IDX file of bytes: magic number 0x0000080D for D sizes, D sizes, the values.
Idx read_idx(const std::filesystem::path& path, int64_t dimensions, const DataConfig& config) {
  constexpr int64_t kMaxSide = 4096;
  GzFile file(path);
  const int64_t header_bytes = 4 + 4 * dimensions;
  const std::vector<uint8_t> header = file.read(header_bytes);
  const auto have = static_cast<int64_t>(header.size());
  const auto wanted = static_cast<uint32_t>(0x800 + dimensions);
  if (have >= 4 && big_endian(header.data()) != wanted)
    throw Error(path.string(), ": magic number ", hex(big_endian(header.data())), ", expected ",
                hex(wanted), " (an IDX file of bytes with ", dimensions, " sizes)");
  if (have < header_bytes)
    throw Error(path.string(), ": ends after ", have, " bytes, inside the IDX header of ",
                header_bytes);

  Idx idx;
  int64_t count = 1;
  for (int64_t d = 0; d < dimensions; ++d) {
    idx.sizes.push_back(big_endian(header.data() + 4 + 4 * d));
    if (idx.sizes[d] < 1 || (d > 0 && idx.sizes[d] > kMaxSide))
      throw Error(path.string(), ": the header says ", idx.sizes[d], d == 0 ? " items" : " pixels",
                  ", expected ", d == 0 ? "at least 1" : concat("1 to ", kMaxSide, " on a side"));
    count *= idx.sizes[d];  // below 2^32 * 2^24
  }
  check_memory(config, count, path.string());
  idx.bytes = file.read(count);
  if (static_cast<int64_t>(idx.bytes.size()) < count)
    throw Error(path.string(), ": ends after ", idx.bytes.size(), " of the ", count,
                " bytes given in its header");
  if (!file.read(1).empty())
    throw Error(path.string(), ": is longer than the ", count, " bytes given in its header");
  return idx;
}

std::filesystem::path require_file(const std::filesystem::path& folder, const std::string& name) {
  if (const auto path = find_file(folder, name)) return *path;
  throw Error((folder / name).string(), "[.gz]: no such file; data.path must be a folder with it");
}

// `part` is "train" or "t10k".
ImageSet load_part(const std::filesystem::path& folder, const std::string& part,
                   const DataConfig& config) {
  const auto image_path = require_file(folder, part + "-images-idx3-ubyte");
  const auto label_path = require_file(folder, part + "-labels-idx1-ubyte");
  Idx images = read_idx(image_path, 3, config);
  Idx labels = read_idx(label_path, 1, config);
  if (labels.sizes[0] != images.sizes[0])
    throw Error(label_path.string(), ": ", labels.sizes[0], " labels for the ", images.sizes[0],
                " images of ", image_path.filename().string());
  const auto bad = std::find_if(labels.bytes.begin(), labels.bytes.end(),
                                [](uint8_t label) { return label > 9; });
  if (bad != labels.bytes.end())
    throw Error(label_path.string(), ": label ", int{*bad}, " of item ", bad - labels.bytes.begin(),
                ", expected 0 to 9");
  return {1,
          images.sizes[1],
          images.sizes[2],
          std::move(images.bytes),
          {labels.bytes.begin(), labels.bytes.end()},
          {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}};
}

}  // namespace

ImageSet load_mnist(const DataConfig& config, Split split) {
  const auto folder = resolve_path(config, "mnist");
  const bool has_test = find_file(folder, "t10k-images-idx3-ubyte").has_value();
  const bool use_test = has_test && split == Split::kHeldOut;
  ImageSet set = load_part(folder, use_test ? "t10k" : "train", config);
  keep_configured_items(set, config, split, has_test, folder.string());
  fit_to_config(set, config, Enlarge::kPad, folder.string());
  return set;
}

}  // namespace diffuse
