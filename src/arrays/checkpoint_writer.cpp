#include <c10/util/Exception.h>

#include <bit>
#include <map>
#include <tuple>

#include "diffuse/arrays/checkpoint_file.h"
#include "diffuse/core/error.h"
#include "dtype.h"
#include "src/files/atomic_write.h"
#include "src/files/zip_file.h"

namespace diffuse {

namespace {

std::string storage_class(at::ScalarType type) {
  const std::string_view name = dtype_name(type, &DType::torch);
  TORCH_CHECK(!name.empty(), "a checkpoint cannot hold tensors of ", type);
  return concat(name, "Storage");
}

// Emits protocol-2 pickle; opcodes are named as in Python's pickletools.
class PickleWriter {
 public:
  void value(const Value& value) { std::visit(*this, value.data); }
  void operator()(std::monostate) { bytes_ += 'N'; }
  void operator()(bool value) { bytes_ += value ? '\x88' : '\x89'; }
  void operator()(int64_t value);
  void operator()(double value);
  void operator()(const std::string& text);
  void operator()(const at::Tensor& tensor);
  void operator()(const ValueList& list);
  void operator()(const ValueDict& dict);

  std::string finish() { return std::move(bytes_ += '.'); }              // STOP
  const std::vector<at::Tensor>& storages() const { return storages_; }  // one record each

 private:
  void little_endian(uint64_t value, int size);
  void integers(at::IntArrayRef values);
  size_t storage_key(const at::Tensor& tensor);

  using Identity =
      std::tuple<const void*, at::ScalarType, std::vector<int64_t>, std::vector<int64_t>>;
  std::string bytes_ = "\x80\x02";  // PROTO 2
  std::vector<at::Tensor> storages_;
  std::map<Identity, size_t> keys_;
};

void PickleWriter::little_endian(uint64_t value, int size) {
  for (int i = 0; i < size; ++i) bytes_ += static_cast<char>(value >> (8 * i));
}

void PickleWriter::operator()(int64_t value) {
  if (value == static_cast<int32_t>(value)) {
    bytes_ += 'J';  // BININT
    little_endian(static_cast<uint64_t>(value), 4);
  } else {
    bytes_ += "\x8a\x08";  // LONG1 of 8 bytes
    little_endian(static_cast<uint64_t>(value), 8);
  }
}

void PickleWriter::operator()(double value) {
  bytes_ += 'G';  // BINFLOAT: big-endian
  const auto bits = std::bit_cast<uint64_t>(value);
  for (int i = 7; i >= 0; --i) bytes_ += static_cast<char>(bits >> (8 * i));
}

void PickleWriter::operator()(const std::string& text) {
  TORCH_CHECK(text.size() <= UINT32_MAX, "text too long for a checkpoint");
  bytes_ += 'X';  // BINUNICODE
  little_endian(text.size(), 4);
  bytes_ += text;
}

void PickleWriter::operator()(const ValueList& list) {
  bytes_ += "](";  // EMPTY_LIST MARK
  for (const auto& item : list) value(item);
  bytes_ += 'e';  // APPENDS
}

void PickleWriter::operator()(const ValueDict& dict) {
  bytes_ += "}(";  // EMPTY_DICT MARK
  for (const auto& [key, item] : dict) {
    (*this)(key);
    value(item);
  }
  bytes_ += 'u';  // SETITEMS
}

void PickleWriter::integers(at::IntArrayRef values) {
  bytes_ += '(';
  for (const int64_t value : values) (*this)(value);
  bytes_ += 't';  // TUPLE
}

// The record of this view: equal for tensors that are the same view of the same memory.
size_t PickleWriter::storage_key(const at::Tensor& tensor) {
  const Identity identity{tensor.numel() == 0 ? nullptr : tensor.const_data_ptr(),
                          tensor.scalar_type(), tensor.sizes().vec(), tensor.strides().vec()};
  const auto [found, is_new] = keys_.emplace(identity, storages_.size());
  if (is_new) storages_.push_back(tensor);
  return found->second;
}

// _rebuild_tensor_v2(storage, offset, sizes, strides, requires_grad, backward_hooks), where the
// storage is the persistent id ("storage", type, key, location, numel).
void PickleWriter::operator()(const at::Tensor& tensor) {
  TORCH_CHECK(tensor.defined() && tensor.layout() == at::kStrided && !tensor.is_conj(),
              "a checkpoint supports only plain tensors");
  bytes_ += "ctorch._utils\n_rebuild_tensor_v2\n((";  // GLOBAL MARK MARK
  (*this)(std::string("storage"));
  bytes_ += "ctorch\n";
  bytes_ += storage_class(tensor.scalar_type());
  bytes_ += '\n';
  (*this)(std::to_string(storage_key(tensor)));
  (*this)(std::string("cpu"));
  (*this)(tensor.numel());
  bytes_ += "tQ";  // TUPLE BINPERSID
  (*this)(int64_t{0});
  integers(tensor.sizes());
  std::vector<int64_t> strides(static_cast<size_t>(tensor.dim()), 1);  // of the contiguous copy
  for (int64_t i = tensor.dim() - 2; i >= 0; --i)
    strides[static_cast<size_t>(i)] =
        strides[static_cast<size_t>(i) + 1] * std::max<int64_t>(tensor.size(i + 1), 1);
  integers(strides);
  (*this)(false);
  bytes_ += "ccollections\nOrderedDict\n)RtR";  // OrderedDict(); TUPLE REDUCE
}

}  // namespace

void write_checkpoint_file(const std::filesystem::path& path, const ValueDict& root) {
  PickleWriter pickle;
  pickle(root);
  const std::string bytes = pickle.finish();
  atomic_write(path, [&](const std::filesystem::path& temporary) {
    ZipWriter zip(temporary);
    zip.add("model/data.pkl", {bytes});
    zip.add("model/byteorder", {"little"});
    for (size_t i = 0; i < pickle.storages().size(); ++i) {
      const at::Tensor data = pickle.storages()[i].detach().cpu().contiguous();
      zip.add("model/data/" + std::to_string(i),
              {{static_cast<const char*>(data.const_data_ptr()), data.nbytes()}});
    }
    zip.add("model/version", {"3\n"});  // PyTorch's file format version
    zip.close();
  });
}

}  // namespace diffuse
