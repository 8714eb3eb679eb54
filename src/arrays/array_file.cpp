#include "diffuse/arrays/array_file.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_file.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>

#include "diffuse/core/error.h"
#include "diffuse/files/atomic_write.h"
#include "diffuse/files/file.h"
#include "diffuse/files/zip_file.h"
#include "npy_type.h"

// NumPy Enhancement Proposal 1: magic, version, header length, header (a Python dict literal), data.

namespace diffuse {

static_assert(std::endian::native == std::endian::little,
              "arrays are written as they lie in memory");

static constexpr std::string_view kMagic = "\x93NUMPY";
static constexpr uint64_t kMaxHeader = 1 << 16;

static std::string npy_header(at::ScalarType type, at::IntArrayRef shape) {
  std::string text =
      concat("{'descr': '", npy_descr(type), "', 'fortran_order': False, 'shape': (");
  for (const int64_t size : shape) text += concat(size, shape.size() == 1 ? "," : ", ");
  if (shape.size() > 1) text.resize(text.size() - 2);
  text += "), }";
  const size_t before = kMagic.size() + 2 + 2;  // then padded, so that the data starts at 64 n
  text.append(63 - (before + text.size()) % 64, ' ');
  text += '\n';
  std::string header = concat(kMagic, '\x01', '\0');
  header += static_cast<char>(text.size() & 0xff);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

static at::Tensor plain(const at::Tensor& array) { return array.detach().cpu().contiguous(); }

static std::string_view bytes_of(const at::Tensor& array) {
  return {static_cast<const char*>(array.const_data_ptr()), array.nbytes()};
}

void write_npy(const std::filesystem::path& path, const at::Tensor& array) {
  const at::Tensor data = plain(array);
  atomic_write(path, [&](const std::filesystem::path& temporary) {
    OutputFile file(temporary);
    file.write(npy_header(data.scalar_type(), data.sizes()));
    file.write(bytes_of(data));
    file.close();
  });
}

void write_npz(const std::filesystem::path& path,
               const std::vector<std::pair<std::string, at::Tensor>>& arrays) {
  atomic_write(path, [&](const std::filesystem::path& temporary) {
    ZipWriter zip(temporary);
    for (const auto& [name, array] : arrays) {
      const at::Tensor data = plain(array);
      zip.add(name + ".npy", {npy_header(data.scalar_type(), data.sizes()), bytes_of(data)});
    }
    zip.close();
  });
}

ArrayStream::ArrayStream(std::filesystem::path path, at::ScalarType type,
                         const std::vector<int64_t>& shape, bool resume)
    : path_(std::move(path)), partial_(path_.string() + ".partial"), type_(type) {
  const std::string header = npy_header(type, shape);
  row_bytes_ = c10::elementSize(type);
  for (const int64_t size : at::IntArrayRef(shape).slice(1))
    row_bytes_ *= static_cast<uint64_t>(size);
  uint64_t keep = 0;
  if (resume && std::filesystem::exists(partial_)) {
    const InputFile file(partial_);
    if (file.size() < header.size() || file.read(0, header.size()) != header)
      throw Error(partial_.string(), ": cannot go on: not ", shape[0], " rows of this shape");
    rows_ = static_cast<int64_t>((file.size() - header.size()) / row_bytes_);
    keep = header.size() + static_cast<uint64_t>(rows_) * row_bytes_;
  }
  naming([&] {
    file_ = std::make_unique<OutputFile>(partial_, keep);
    if (keep == 0) file_->write(header);
  });
}

ArrayStream::~ArrayStream() = default;

void ArrayStream::append(const at::Tensor& rows) {
  const at::Tensor data = plain(rows);
  TORCH_CHECK(data.scalar_type() == type_ &&
                  data.nbytes() == static_cast<uint64_t>(data.size(0)) * row_bytes_,
              "rows ", data.sizes(), " do not fit ", path_.string());
  naming([&] {
    file_->write(bytes_of(data));
    file_->flush();
  });
  rows_ += data.size(0);
}

void ArrayStream::finish() {
  naming([&] { file_->close(); });
  if (ending_of(path_) != ".npz") return atomic_rename(partial_, path_);
  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(partial_));
  const at::Tensor mapped = at::from_file(partial_.string(), /*shared=*/false, bytes, at::kByte);
  atomic_write(path_, [&](const std::filesystem::path& temporary) {
    ZipWriter zip(temporary);
    zip.add("arr_0.npy", {bytes_of(mapped)});
    zip.close();
  });
  std::filesystem::remove(partial_);
}

// Calls `work`; what the system refuses is thrown with the name of the file.
template <class Work>
void ArrayStream::naming(const Work& work) const {
  try {
    work();
  } catch (const std::system_error& error) {
    throw_unwritable(partial_, error.code());
  }
}

// The text after `'key':`, without leading spaces, or "".
static std::string_view after_key(std::string_view header, std::string_view key) {
  for (const char quote : {'\'', '"'}) {
    const std::string quoted = concat(quote, key, quote, ':');
    const size_t at = header.find(quoted);
    if (at == std::string_view::npos) continue;
    header.remove_prefix(at + quoted.size());
    header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
    return header;
  }
  return "";
}

// "(3, 4), ..." -> {3, 4}
static std::optional<std::vector<int64_t>> parse_shape(std::string_view text) {
  if (!text.starts_with('(')) return std::nullopt;
  std::vector<int64_t> shape;
  for (;;) {
    text.remove_prefix(1);  // the bracket or comma
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.starts_with(')')) return shape;
    int64_t size = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    if (error != std::errc{} || size < 0 || shape.size() == 64) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    shape.push_back(size);
    if (!text.starts_with(',') && !text.starts_with(')')) return std::nullopt;
    if (text.starts_with(')')) return shape;
  }
}

namespace {
struct NpyHeader {
  NpyType type;
  std::vector<int64_t> shape;  // as stored: reversed in Fortran order
  bool fortran;
  uint64_t offset;  // of the data
  uint64_t bytes;   // of the data
};
}  // namespace

// The header's text; `data` becomes the offset of what follows it.
static std::string_view header_text(const std::string& name, std::string_view start,
                                    uint64_t& data) {
  if (start.size() < 12 || !start.starts_with(kMagic)) throw Error(name, ": not a .npy file");
  const int version = start[6];
  if (version != 1 && version != 2)
    throw Error(name, ": .npy version ", version, " is not supported; expected 1 or 2");
  const uint64_t length_size = version == 1 ? 2 : 4;
  uint64_t length = 0;
  for (uint64_t i = length_size; i-- > 0;)
    length = length << 8 | static_cast<unsigned char>(start[8 + i]);
  data = 8 + length_size + length;
  if (length > kMaxHeader) throw Error(name, ": corrupt .npy header");
  if (start.size() < data) throw Error(name, ": truncated");
  return start.substr(8 + length_size, length);
}

// Of a file of `size` bytes that begins with `start`, which holds the whole header.
static NpyHeader parse_header(const std::string& name, std::string_view start, uint64_t size) {
  uint64_t offset = 0;
  const std::string_view header = header_text(name, start, offset);
  const NpyType type = npy_type(name, after_key(header, "descr"));
  const std::string_view order = after_key(header, "fortran_order");
  const bool fortran = order.starts_with("True");
  if (!fortran && !order.starts_with("False"))
    throw Error(name, ": corrupt .npy header: no valid fortran_order");
  auto shape = parse_shape(after_key(header, "shape"));
  if (!shape) throw Error(name, ": corrupt .npy header: no valid shape");

  int64_t bytes = static_cast<int64_t>(c10::elementSize(type.stored));
  bool overflow = false, empty = false;
  for (const int64_t side : *shape) {  // sizes beside a 0 must not overflow either: strides would
    overflow |= __builtin_mul_overflow(bytes, std::max<int64_t>(side, 1), &bytes);
    empty |= side == 0;
  }
  if (empty && !overflow) bytes = 0;
  if (overflow || static_cast<uint64_t>(bytes) != size - offset)
    throw Error(name, ": the header promises ", overflow ? "more" : std::to_string(bytes),
                " bytes of data, the file has ", size - offset);
  if (fortran) std::reverse(shape->begin(), shape->end());
  return {type, std::move(*shape), fortran, offset, static_cast<uint64_t>(bytes)};
}

// The array as it is indexed, from one as it is stored.
static at::Tensor in_c_order(const NpyHeader& header, const std::string& name, at::Tensor stored) {
  stored = as_meant(header.type, name, std::move(stored));
  if (!header.fortran) return stored;
  std::vector<int64_t> reversed(stored.dim());
  for (int64_t i = 0; i < stored.dim(); ++i) reversed[i] = stored.dim() - 1 - i;
  return stored.permute(reversed).contiguous();
}

at::Tensor read_npy(const std::filesystem::path& path) {
  const InputFile file(path);
  const std::string start = file.read(0, std::min(file.size(), 12 + kMaxHeader));
  const NpyHeader header = parse_header(file.name(), start, file.size());
  const at::Tensor array = at::empty(header.shape, header.type.stored);
  file.read(header.offset, array.mutable_data_ptr(), header.bytes);
  return in_c_order(header, file.name(), array);
}

static constexpr std::string_view kEnding = ".npy";

static std::vector<std::string> names_in(const ZipReader& zip) {
  std::vector<std::string> names;
  for (const auto& entry : zip.entries())
    if (entry.name.ends_with(kEnding))
      names.push_back(entry.name.substr(0, entry.name.size() - kEnding.size()));
  return names;
}

std::vector<std::string> npz_names(const std::filesystem::path& path) {
  return names_in(ZipReader(path));
}

at::Tensor read_npz(const std::filesystem::path& path, const std::string& name) {
  const ZipReader zip(path);
  const ZipReader::Entry* entry = zip.find(concat(name, kEnding));
  if (entry == nullptr) {
    std::vector<std::string> names = names_in(zip);
    for (std::string& known : names) known = printable(known);
    throw Error(path.string(), ": no array \"", name, "\"; it has ", join(names),
                did_you_mean(name, names));
  }
  const std::string bytes = zip.read(*entry);
  const std::string what = concat(path.string(), ": ", printable(name), kEnding);
  const NpyHeader header = parse_header(what, bytes, bytes.size());
  const at::Tensor array = at::empty(header.shape, header.type.stored);
  std::memcpy(array.mutable_data_ptr(), bytes.data() + header.offset, header.bytes);
  return in_c_order(header, what, array);
}

}  // namespace diffuse
