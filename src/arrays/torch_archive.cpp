#include "torch_archive.h"

#include <ATen/ops/empty.h>

#include <cstring>
#include <unordered_map>

#include "diffuse/core/error.h"
#include "dtype.h"
#include "src/files/zip_file.h"

namespace diffuse {

static constexpr uint64_t kMaxPickle = 64 << 20;  // bytes; 100,000 tensors need about 20 MiB

// The type of "torch.FloatStorage" and similar names.
static at::ScalarType stored_type(std::string_view name) {
  constexpr std::string_view kPackage = "torch.", kClass = "Storage";
  if (name.starts_with(kPackage) && name.ends_with(kClass) &&
      name.size() > kPackage.size() + kClass.size())
    if (const auto type =
            dtype_named(name.substr(kPackage.size(), name.size() - kPackage.size() - kClass.size()),
                        &DType::torch))
      return *type;
  throw PickleError(concat("tensors of ", printable(name), " are not supported"));
}

namespace {

class ZipArchive : public TorchArchive {
 public:
  explicit ZipArchive(const std::filesystem::path& path);
  at::Tensor read(const PickleNode::Storage& storage) const override;

 private:
  std::string read_text(const std::string& name, uint64_t limit) const;
  const ZipReader::Entry* stored(const std::string& name) const;

  ZipReader zip_;
  std::string root_;  // "model/": the folder in the archive
};

ZipArchive::ZipArchive(const std::filesystem::path& path) : zip_(path) {
  for (const auto& entry : zip_.entries()) {
    const size_t slash = entry.name.find('/');
    if (slash != std::string::npos && entry.name.substr(slash) == "/data.pkl")
      root_ = entry.name.substr(0, slash + 1);
  }
  if (root_.empty()) throw PickleError("contains no data.pkl: not a file from torch.save");
  if (zip_.find(root_ + "byteorder") != nullptr && read_text("byteorder", 16) != "little")
    throw PickleError("big-endian numbers are not supported");
  const std::string bytes = read_text("data.pkl", kMaxPickle);
  pickle_ = parse_pickle(bytes);
}

// torch.save does not compress; a compressed entry could unpack to a thousand times the file's size.
const ZipReader::Entry* ZipArchive::stored(const std::string& name) const {
  const ZipReader::Entry* entry = zip_.find(root_ + name);
  if (entry != nullptr && entry->deflated)
    throw PickleError(
        concat(printable(name), " is compressed; expected it stored, as torch.save ", "writes it"));
  return entry;
}

std::string ZipArchive::read_text(const std::string& name, uint64_t limit) const {
  const ZipReader::Entry* entry = stored(name);
  if (entry == nullptr) throw PickleError(concat("no ", name, " inside"));
  if (entry->size > limit) throw PickleError(concat(name, " is too large"));
  std::string bytes(entry->size, '\0');
  zip_.read(*entry, bytes.data());
  return bytes;
}

at::Tensor ZipArchive::read(const PickleNode::Storage& storage) const {
  const at::ScalarType type = stored_type(storage.type);
  const ZipReader::Entry* entry = stored("data/" + storage.key);
  if (entry == nullptr) throw PickleError("corrupt: a tensor's data is missing");
  const auto item = c10::elementSize(type);
  if (storage.numel < 0 || entry->size % item != 0 ||
      static_cast<uint64_t>(storage.numel) != entry->size / item)
    throw PickleError("corrupt: a tensor's data differs from its stated size");
  const at::Tensor data = at::empty({storage.numel}, type);
  zip_.read(*entry, data.mutable_data_ptr());
  return data;
}

// Pickles of a magic number, the protocol 1001, the writer's machine, the object and the storages' keys;
// then for each key an 8-byte count and that many numbers.
class LegacyArchive : public TorchArchive {
 public:
  explicit LegacyArchive(const InputFile& file) : bytes_(file.map()) {
    const std::string_view all(bytes_.get(), file.size());
    std::string_view rest = all.substr(kMagic.size(), kMaxPickle);
    take_pickle(rest);  // protocol
    take_pickle(rest);  // machine
    pickle_ = take_pickle(rest);
    const Pickle keys = take_pickle(rest);
    place(keys, all.substr(static_cast<size_t>(rest.data() - all.data())));
  }

  static constexpr std::string_view kMagic{"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.", 15};

  at::Tensor read(const PickleNode::Storage& storage) const override {
    const auto found = places_.find(storage.key);
    if (found == places_.end()) throw PickleError("corrupt: a tensor's data is missing");
    const at::ScalarType type = stored_type(storage.type);
    const uint64_t item = c10::elementSize(type);
    if (storage.numel < 0 || static_cast<uint64_t>(storage.numel) > found->second.size() / item ||
        static_cast<uint64_t>(storage.numel) * item != found->second.size())
      throw PickleError("corrupt: a tensor's data differs from its stated size");
    const at::Tensor data = at::empty({storage.numel}, type);
    std::copy(found->second.begin(), found->second.end(),
              static_cast<char*>(data.mutable_data_ptr()));
    return data;
  }

 private:
  // Locates the numbers of each key; the file has their count but not their size.
  void place(const Pickle& keys, std::string_view rest) {
    std::unordered_map<std::string_view, uint64_t> item_sizes;
    for (const PickleNode& node : pickle_.nodes)
      if (const auto* storage = std::get_if<PickleNode::Storage>(&node.data))
        item_sizes[storage->key] = c10::elementSize(stored_type(storage->type));
    const auto* list = std::get_if<PickleNode::List>(&keys.nodes[keys.root].data);
    if (list == nullptr) throw PickleError("corrupt: no list of storages");
    for (const PickleRef ref : list->items) {
      const auto* key = std::get_if<std::string>(&keys.nodes[ref].data);
      if (key == nullptr || !item_sizes.contains(*key) || rest.size() < 8)
        throw PickleError("corrupt: a storage without a tensor");
      uint64_t count = 0, size = 0;
      std::memcpy(&count, rest.data(), 8);
      rest.remove_prefix(8);
      if (__builtin_mul_overflow(count, item_sizes[*key], &size) || size > rest.size())
        throw PickleError("truncated");
      places_[*key] = rest.substr(0, size);
      rest.remove_prefix(size);
    }
  }

  std::shared_ptr<char> bytes_;
  std::unordered_map<std::string, std::string_view> places_;
};

}  // namespace

std::unique_ptr<TorchArchive> open_torch_archive(const std::filesystem::path& path) {
  const InputFile file(path);
  const uint64_t size = LegacyArchive::kMagic.size();
  if (file.size() > size && file.read(0, size) == LegacyArchive::kMagic)
    return std::make_unique<LegacyArchive>(file);
  return std::make_unique<ZipArchive>(path);
}

}  // namespace diffuse
