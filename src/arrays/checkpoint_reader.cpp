#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "diffuse/arrays/checkpoint_file.h"
#include "diffuse/core/error.h"
#include "torch_archive.h"

namespace diffuse {

namespace {

constexpr int kMaxDepth = 100;

// Approximate memory in bytes: a tensor and its storage without their numbers; a key of a dict.
constexpr uint64_t kTensorMemory = 512, kSeenMemory = 72;

class CheckpointReader {
 public:
  CheckpointReader(const std::filesystem::path& path, const std::vector<std::string>& unread);
  Value read();

 private:
  void charge(uint64_t memory);
  at::Tensor storage(const PickleNode::Storage& storage);
  at::Tensor tensor(const PickleNode::Tensor& view);
  std::string key(PickleRef ref) const;
  bool is_ours() const;
  Value convert(PickleRef ref, int depth);
  Value convert_items(const std::vector<PickleRef>& items, int depth);
  Value convert_dict(const std::vector<PickleRef>& items, int depth);

  struct Known {
    std::string type;
    at::Tensor data;
  };

  std::unique_ptr<TorchArchive> archive_;
  std::vector<std::string> unread_;  // names of dicts
  std::unordered_map<std::string, Known> storages_;
  uint64_t budget_;      // bytes of memory; shared objects are copied to each use
  uint64_t held_ = 0;    // bytes of the storages
  uint64_t viewed_ = 0;  // bytes of the tensors, which may share storages
};

CheckpointReader::CheckpointReader(const std::filesystem::path& path,
                                   const std::vector<std::string>& unread)
    : archive_(open_torch_archive(path)), budget_(archive_->pickle().budget) {
  if (is_ours()) unread_ = unread;
}

// Whether the root is a dict with "format": "diffuse".
bool CheckpointReader::is_ours() const {
  const Pickle& pickle = archive_->pickle();
  const auto text = [&](PickleRef ref) {
    const auto* const found = std::get_if<std::string>(&pickle.nodes[ref].data);
    return found == nullptr ? std::string_view() : std::string_view(*found);
  };
  const auto* const dict = std::get_if<PickleNode::Dict>(&pickle.nodes[pickle.root].data);
  for (size_t i = 0; dict != nullptr && i < dict->items.size(); i += 2)
    if (text(dict->items[i]) == "format") return text(dict->items[i + 1]) == "diffuse";
  return false;
}

Value CheckpointReader::read() {
  // Tied weights are one storage with a few names. With thousands of names, reading or copying each would
  // take forever.
  constexpr uint64_t kSharing = 64, kSmall = 16 << 20;
  Value root = convert(archive_->pickle().root, 0);
  if (viewed_ > kSmall + kSharing * held_)
    throw PickleError(concat("tensors of ", viewed_, " bytes share ", held_,
                             " bytes of numbers; expected at most ", kSharing, " times as many"));
  return root;
}

void CheckpointReader::charge(uint64_t memory) {
  if (memory > budget_) throw PickleError(kUnfoldsTooFar);
  budget_ -= memory;
}

// The storage's numbers, read once.
at::Tensor CheckpointReader::storage(const PickleNode::Storage& storage) {
  const auto known = storages_.find(storage.key);
  if (known != storages_.end()) {
    if (known->second.type != storage.type || known->second.data.numel() != storage.numel)
      throw PickleError("corrupt: a storage with two types or sizes");
    return known->second.data;
  }
  const at::Tensor data = archive_->read(storage);
  if (data.scalar_type() == at::kBool) {  // bytes other than 0 and 1 are undefined behaviour in C++
    auto* bytes = static_cast<uint8_t*>(data.mutable_data_ptr());
    std::for_each(bytes, bytes + data.numel(), [](uint8_t& byte) { byte = byte != 0; });
  }
  storages_[storage.key] = {storage.type, data};
  held_ += data.nbytes();
  return data;
}

at::Tensor CheckpointReader::tensor(const PickleNode::Tensor& view) {
  charge(kTensorMemory + 2 * sizeof(int64_t) * view.sizes.size());
  const auto data =
      storage(std::get<PickleNode::Storage>(archive_->pickle().nodes[view.storage].data));
  const PickleError bad("corrupt: a tensor extends beyond its data");
  if (view.sizes.size() != view.strides.size() || view.sizes.size() > 64 || view.offset < 0)
    throw bad;
  int64_t numel = 1;
  int64_t last = view.offset;  // the largest index in the view
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
  // numel: a stride of 0 could expand one number to any size.
  if (last >= data.numel() || numel > data.numel()) throw bad;
  viewed_ += static_cast<uint64_t>(numel) * data.element_size();
  return data.as_strided(view.sizes, view.strides, view.offset);
}

// Python's integer keys, as in an optimiser's state, become text.
std::string CheckpointReader::key(PickleRef ref) const {
  const auto& data = archive_->pickle().nodes[ref].data;
  if (const auto* text = std::get_if<std::string>(&data)) return *text;
  if (const auto* number = std::get_if<int64_t>(&data)) return std::to_string(*number);
  throw PickleError("a dict key that is neither text nor an integer");
}

Value CheckpointReader::convert_items(const std::vector<PickleRef>& items, int depth) {
  charge(items.size() * sizeof(Value));
  ValueList list;
  list.reserve(items.size());
  for (const PickleRef item : items) list.push_back(convert(item, depth));
  return {std::move(list)};
}

Value CheckpointReader::convert_dict(const std::vector<PickleRef>& items, int depth) {
  charge(items.size() / 2 * (sizeof(ValueDict::value_type) + kSeenMemory));
  ValueDict dict;
  dict.reserve(items.size() / 2);
  std::unordered_set<std::string> seen;
  for (size_t i = 0; i < items.size(); i += 2) {
    std::string name = key(items[i]);
    const bool is_dict =
        std::holds_alternative<PickleNode::Dict>(archive_->pickle().nodes[items[i + 1]].data);
    Value value =
        is_dict && contains(unread_, name) ? Value{ValueDict{}} : convert(items[i + 1], depth);
    dict.emplace_back(std::move(name), std::move(value));
    charge(2 * dict.back().first.size());
    if (!seen.insert(dict.back().first).second) throw PickleError("a duplicate dict key");
  }
  return {std::move(dict)};
}

Value CheckpointReader::convert(PickleRef ref, int depth) {
  if (depth > kMaxDepth) throw PickleError("nested too deeply");
  const auto& data = archive_->pickle().nodes[ref].data;
  if (const auto* text = std::get_if<std::string>(&data)) {
    charge(text->size());
    return {*text};
  }
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

Value read_torch_file(const std::filesystem::path& path, const std::vector<std::string>& unread) {
  try {
    return CheckpointReader(path, unread).read();
  } catch (const PickleError& error) {
    throw Error(path.string(), ": ", error.what());
  } catch (const c10::OutOfMemoryError&) {  // not a defect of the file
    throw;
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    throw Error(path.string(), ": ", text.substr(0, text.find('\n')));
  }
}

ValueDict read_checkpoint_file(const std::filesystem::path& path,
                               const std::vector<std::string>& unread) {
  Value root = read_torch_file(path, unread);
  auto* dict = std::get_if<ValueDict>(&root.data);
  if (dict == nullptr) throw Error(path.string(), ": expected a dict at the top level");
  return std::move(*dict);
}

const Value* find(const ValueDict& dict, std::string_view key) {
  const auto found =
      std::find_if(dict.begin(), dict.end(), [key](const auto& item) { return item.first == key; });
  return found == dict.end() ? nullptr : &found->second;
}

}  // namespace diffuse
