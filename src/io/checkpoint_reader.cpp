#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "diffuse/core/error.h"
#include "diffuse/io/checkpoint_file.h"
#include "diffuse/io/zip_file.h"
#include "pickle.h"

namespace diffuse {

namespace {

constexpr uint64_t kMaxPickle = 16 << 20;  // bytes; a model of 2,000 tensors takes under one MiB
constexpr int kMaxDepth = 100;

class CheckpointReader {
 public:
  explicit CheckpointReader(const std::filesystem::path& path);
  Value read() { return convert(pickle_.root, 0); }

 private:
  std::string read_text(const std::string& name, uint64_t limit) const;
  at::Tensor storage(const PickleNode::Storage& storage);
  at::Tensor tensor(const PickleNode::Tensor& view);
  std::string key(PickleRef ref) const;
  Value convert(PickleRef ref, int depth);
  Value convert_items(const std::vector<PickleRef>& items, int depth);
  Value convert_dict(const std::vector<PickleRef>& items, int depth);

  ZipReader zip_;
  std::string root_;  // "model/": the folder in the archive
  Pickle pickle_;
  std::unordered_map<std::string, at::Tensor> storages_;
  uint64_t budget_ = 0;
};

std::optional<at::ScalarType> storage_type(std::string_view name) {
  static const std::unordered_map<std::string_view, at::ScalarType> types = {
      {"torch.FloatStorage", at::kFloat}, {"torch.DoubleStorage", at::kDouble},
      {"torch.HalfStorage", at::kHalf},   {"torch.BFloat16Storage", at::kBFloat16},
      {"torch.LongStorage", at::kLong},   {"torch.IntStorage", at::kInt},
      {"torch.ShortStorage", at::kShort}, {"torch.CharStorage", at::kChar},
      {"torch.ByteStorage", at::kByte},   {"torch.BoolStorage", at::kBool},
  };
  const auto found = types.find(name);
  return found == types.end() ? std::nullopt : std::optional(found->second);
}

CheckpointReader::CheckpointReader(const std::filesystem::path& path) : zip_(path) {
  for (const auto& entry : zip_.entries()) {
    const size_t slash = entry.name.find('/');
    if (slash != std::string::npos && entry.name.substr(slash) == "/data.pkl")
      root_ = entry.name.substr(0, slash + 1);
  }
  if (root_.empty()) throw PickleError("no data.pkl inside: not a file of torch.save");
  if (zip_.find(root_ + "byteorder") != nullptr && read_text("byteorder", 16) != "little")
    throw PickleError("big-endian numbers are not supported");
  const std::string bytes = read_text("data.pkl", kMaxPickle);
  pickle_ = parse_pickle(bytes);
  // Shared objects are copied into each place, which would let a small file unfold to any size.
  budget_ = (1 << 16) + 64 * bytes.size();
}

std::string CheckpointReader::read_text(const std::string& name, uint64_t limit) const {
  const ZipReader::Entry* entry = zip_.find(root_ + name);
  if (entry == nullptr) throw PickleError(concat("no ", name, " inside"));
  if (entry->size > limit) throw PickleError(concat(name, " inside is too large"));
  std::string bytes(entry->size, '\0');
  zip_.read(*entry, bytes.data());
  return bytes;
}

// The storage's bytes as a 1-D tensor, read once.
at::Tensor CheckpointReader::storage(const PickleNode::Storage& storage) {
  const auto type = storage_type(storage.type);
  if (!type) throw PickleError(concat("tensors of ", storage.type, " are not supported"));
  const auto known = storages_.find(storage.key);
  if (known != storages_.end()) {
    if (known->second.scalar_type() != *type || known->second.numel() != storage.numel)
      throw PickleError("corrupt: one storage of two types or sizes");
    return known->second;
  }
  const ZipReader::Entry* entry = zip_.find(root_ + "data/" + storage.key);
  if (entry == nullptr) throw PickleError("corrupt: a tensor's data is missing");
  const auto item = c10::elementSize(*type);
  if (storage.numel < 0 || entry->size % item != 0 ||
      static_cast<uint64_t>(storage.numel) != entry->size / item)
    throw PickleError("corrupt: a tensor's data has another size than stated");
  const at::Tensor data = at::empty({storage.numel}, *type);
  zip_.read(*entry, data.mutable_data_ptr());
  if (*type == at::kBool) {  // other bytes than 0 and 1 are undefined behaviour in C++
    auto* bytes = static_cast<uint8_t*>(data.mutable_data_ptr());
    std::for_each(bytes, bytes + entry->size, [](uint8_t& byte) { byte = byte != 0; });
  }
  return storages_[storage.key] = data;
}

at::Tensor CheckpointReader::tensor(const PickleNode::Tensor& view) {
  const auto data = storage(std::get<PickleNode::Storage>(pickle_.nodes[view.storage].data));
  const PickleError bad("corrupt: a tensor reaches outside its data");
  if (view.sizes.size() != view.strides.size() || view.sizes.size() > 64 || view.offset < 0)
    throw bad;
  int64_t numel = 1;
  int64_t last = view.offset;  // the largest index that the view reaches
  bool empty = false;
  for (size_t i = 0; i < view.sizes.size(); ++i) {
    const int64_t size = view.sizes[i];
    int64_t reach = 0;
    if (size < 0 || view.strides[i] < 0) throw bad;
    empty = empty || size == 0;
    if (__builtin_mul_overflow(numel, std::max<int64_t>(size, 1), &numel) ||
        __builtin_mul_overflow(std::max<int64_t>(size - 1, 0), view.strides[i], &reach) ||
        __builtin_add_overflow(last, reach, &last))
      throw bad;
  }
  if (empty) return at::empty(view.sizes, data.options());
  // numel: a stride of 0 could unfold one number to any size.
  if (last >= data.numel() || numel > data.numel()) throw bad;
  return data.as_strided(view.sizes, view.strides, view.offset);
}

// Python's integer keys, as in an optimiser's state, become text.
std::string CheckpointReader::key(PickleRef ref) const {
  const auto& data = pickle_.nodes[ref].data;
  if (const auto* text = std::get_if<std::string>(&data)) return *text;
  if (const auto* number = std::get_if<int64_t>(&data)) return std::to_string(*number);
  throw PickleError("a dict key that is neither text nor an integer");
}

Value CheckpointReader::convert_items(const std::vector<PickleRef>& items, int depth) {
  ValueList list;
  for (const PickleRef item : items) list.push_back(convert(item, depth));
  return {std::move(list)};
}

Value CheckpointReader::convert_dict(const std::vector<PickleRef>& items, int depth) {
  ValueDict dict;
  std::unordered_set<std::string> seen;
  for (size_t i = 0; i < items.size(); i += 2) {
    convert(items[i], depth);  // counts the key's cost
    dict.emplace_back(key(items[i]), convert(items[i + 1], depth));
    if (!seen.insert(dict.back().first).second) throw PickleError("a dict key that is there twice");
  }
  return {std::move(dict)};
}

Value CheckpointReader::convert(PickleRef ref, int depth) {
  if (depth > kMaxDepth) throw PickleError("nested too deeply");
  const auto& data = pickle_.nodes[ref].data;
  const auto* text = std::get_if<std::string>(&data);
  const uint64_t cost = text == nullptr ? 1 : 1 + text->size();
  if (cost > budget_) throw PickleError("unfolds to far more than the file's size");
  budget_ -= cost;

  if (text != nullptr) return {*text};
  if (std::holds_alternative<std::monostate>(data)) return {};
  if (const auto* value = std::get_if<bool>(&data)) return {*value};
  if (const auto* value = std::get_if<int64_t>(&data)) return {*value};
  if (const auto* value = std::get_if<double>(&data)) return {*value};
  if (const auto* list = std::get_if<PickleNode::List>(&data))
    return convert_items(list->items, depth + 1);
  if (const auto* tuple = std::get_if<PickleNode::Tuple>(&data))
    return convert_items(tuple->items, depth + 1);
  if (const auto* dict = std::get_if<PickleNode::Dict>(&data))
    return convert_dict(dict->items, depth + 1);
  if (const auto* view = std::get_if<PickleNode::Tensor>(&data)) return {tensor(*view)};
  throw PickleError("an object that is not a dict, list, text, number or tensor");
}

}  // namespace

Value read_torch_file(const std::filesystem::path& path) {
  try {
    return CheckpointReader(path).read();
  } catch (const PickleError& error) {
    throw Error(path.string(), ": ", error.what());
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    throw Error(path.string(), ": ", text.substr(0, text.find('\n')));
  }
}

ValueDict read_checkpoint_file(const std::filesystem::path& path) {
  Value root = read_torch_file(path);
  auto* dict = std::get_if<ValueDict>(&root.data);
  if (dict == nullptr) throw Error(path.string(), ": expected a dict at the top");
  return std::move(*dict);
}

const Value* find(const ValueDict& dict, std::string_view key) {
  const auto found =
      std::find_if(dict.begin(), dict.end(), [key](const auto& item) { return item.first == key; });
  return found == dict.end() ? nullptr : &found->second;
}

}  // namespace diffuse
