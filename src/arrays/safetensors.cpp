#include "src/arrays/safetensors.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ne.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "diffuse/core/error.h"
#include "dtype.h"
#include "src/core/strict_json.h"
#include "src/files/atomic_write.h"
#include "src/files/file.h"

namespace diffuse {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "tensors are written as they lie");

static constexpr uint64_t kMaxJson = 16 << 20;  // bytes; a model of 2,000 tensors needs 0.3 MB
static constexpr const char* kMetadata = "__metadata__";

namespace {

// The header's entry of one tensor, checked.
struct Entry {
  std::string name;
  at::ScalarType type;
  std::vector<int64_t> shape;
  uint64_t begin, end;  // bytes, counted from the end of the header
};

// Reads one file's header. Errors name the file and the tensor.
class HeaderReader {
 public:
  explicit HeaderReader(const InputFile& file);

  std::map<std::string, std::string> metadata() const;
  std::vector<Entry> entries() const;  // by offset
  uint64_t data_begin() const { return 8 + length_; }

 private:
  template <class... Args>
  [[noreturn]] void fail(const Args&... args) const {
    throw Error(name_, ": ", args...);
  }
  Entry entry(const std::string& key, const json& value) const;
  std::vector<uint64_t> numbers(const std::string& key, const json& value, const char* field) const;

  std::string name_;
  uint64_t length_ = 0, data_size_ = 0;
  json header_;
};

HeaderReader::HeaderReader(const InputFile& file) : name_(file.name()) {
  if (file.size() < 8) fail("not a safetensors file: only ", file.size(), " bytes");
  file.read(0, &length_, 8);
  if (length_ > file.size() - 8)
    fail("not a safetensors file, or truncated: its header would be ", length_,
         " bytes long, but the ", "file has ", file.size());
  if (length_ > kMaxJson) fail("a header of ", length_, " bytes; expected at most ", kMaxJson);
  data_size_ = file.size() - 8 - length_;
  header_ = parse_strict_json(file.read(8, length_), name_);
  if (!header_.is_object()) fail("not a safetensors file: the header is not a JSON object");
}

std::map<std::string, std::string> HeaderReader::metadata() const {
  std::map<std::string, std::string> result;
  const auto found = header_.find(kMetadata);
  if (found == header_.end()) return result;
  if (!found->is_object()) fail(kMetadata, ": expected an object of strings");
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string()) fail(kMetadata, "/", one_line(key), ": expected text");
    result[key] = value.get<std::string>();
  }
  return result;
}

std::vector<uint64_t> HeaderReader::numbers(const std::string& key, const json& value,
                                            const char* field) const {
  const auto found = value.find(field);
  const bool list = found != value.end() && found->is_array();
  if (!list || !std::ranges::all_of(*found, [](const json& n) { return n.is_number_unsigned(); }))
    fail(one_line(key), "/", field, ": expected a list of whole numbers");
  return found->get<std::vector<uint64_t>>();
}

static std::optional<at::ScalarType> type_of(const json& value) {
  if (!value.is_string()) return std::nullopt;
  return dtype_named(value.get_ref<const std::string&>(), &DType::safetensors);
}

Entry HeaderReader::entry(const std::string& key, const json& value) const {
  if (!value.is_object() || !value.contains("dtype")) fail(one_line(key), ": expected a dtype");
  const auto type = type_of(value["dtype"]);
  if (!type)
    fail(one_line(key), "/dtype: ", value["dtype"].dump().substr(0, 40), " is not supported");
  const auto shape = numbers(key, value, "shape");
  const auto place = numbers(key, value, "data_offsets");
  if (shape.size() > 64) fail(one_line(key), "/shape: more than 64 dimensions");
  if (place.size() != 2 || place[0] > place[1] || place[1] > data_size_)
    fail(one_line(key), "/data_offsets: expected a begin and an end within the file's ", data_size_,
         " bytes of data");

  uint64_t bytes = c10::elementSize(*type);
  bool overflow = false, empty = false;
  for (const uint64_t size : shape) {  // sizes next to a 0 must not overflow: strides would
    overflow |= __builtin_mul_overflow(bytes, std::max<uint64_t>(size, 1), &bytes);
    empty |= size == 0;
  }
  overflow |= bytes > INT64_MAX;
  if (empty && !overflow) bytes = 0;
  if (overflow || bytes != place[1] - place[0])
    fail(one_line(key), ": its shape and dtype take ", overflow ? "too many" : concat(bytes),
         " bytes, but its data_offsets ", place[1] - place[0]);
  return {key, *type, {shape.begin(), shape.end()}, place[0], place[1]};
}

std::vector<Entry> HeaderReader::entries() const {
  std::vector<Entry> list;
  for (const auto& [key, value] : header_.items())
    if (key != kMetadata) list.push_back(entry(key, value));
  std::ranges::sort(list, [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t end = 0;
  for (const Entry& e : list) {
    if (e.begin != end)
      fail(one_line(e.name), "/data_offsets: begins at byte ", e.begin,
           ", but the previous tensor ends at ", end);
    end = e.end;
  }
  if (end != data_size_)
    fail("the tensors take ", end, " bytes, but the file has ", data_size_, " after its header");
  return list;
}

// A view of `bytes`, which belong to `file`; a copy if a view would be undefined behaviour in C++.
at::Tensor view_of(const Entry& e, char* bytes, const std::shared_ptr<char>& file) {
  const auto size = c10::elementSize(e.type);
  if (e.begin == e.end) return at::empty(e.shape, e.type);
  if (e.type == at::kBool)  // bytes other than 0 and 1
    return at::from_blob(bytes, e.shape, at::TensorOptions(at::kByte)).ne(0);
  if (reinterpret_cast<uintptr_t>(bytes) % size == 0)
    return at::from_blob(
        bytes, e.shape, [file](void*) {}, at::TensorOptions(e.type));
  const at::Tensor copy = at::empty(e.shape, e.type);
  std::memcpy(copy.mutable_data_ptr(), bytes, e.end - e.begin);
  return copy;
}

}  // namespace

Safetensors read_safetensors(const std::filesystem::path& path) {
  const InputFile file(path);
  const HeaderReader header(file);
  Safetensors contents{.tensors = {}, .metadata = header.metadata()};
  const std::vector<Entry> entries = header.entries();
  const std::shared_ptr<char> bytes = file.map();
  for (const Entry& entry : entries)
    contents.tensors.emplace_back(
        entry.name, view_of(entry, bytes.get() + header.data_begin() + entry.begin, bytes));
  return contents;
}

static std::string_view name_of(at::ScalarType type) {
  const std::string_view name = dtype_name(type, &DType::safetensors);
  TORCH_CHECK(!name.empty(), "a safetensors file cannot hold tensors of ", type);
  return name;
}

void write_safetensors(const std::filesystem::path& path, const Safetensors& contents) {
  auto sorted = contents.tensors;  // larger elements first, so that all are aligned; then by name
  std::ranges::stable_sort(sorted, [](const auto& a, const auto& b) {
    const auto size_a = a.second.element_size(), size_b = b.second.element_size();
    return size_a != size_b ? size_a > size_b : a.first < b.first;
  });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!contents.metadata.empty()) header[kMetadata] = contents.metadata;
  uint64_t end = 0;
  for (const auto& [name, tensor] : sorted) {
    const uint64_t begin = std::exchange(end, end + tensor.nbytes());
    header[name] = {{"dtype", name_of(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();

  atomic_write(path, [&](const std::filesystem::path& temporary) {
    OutputFile file(temporary);
    file.write({reinterpret_cast<const char*>(&length), sizeof length});
    file.write(text);
    for (const auto& [name, tensor] : sorted) {
      const at::Tensor data = tensor.detach().cpu().contiguous();
      file.write({static_cast<const char*>(data.const_data_ptr()), data.nbytes()});
    }
    file.close();
  });
}

}  // namespace diffuse
