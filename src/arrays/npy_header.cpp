#include "npy_header.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>

#include "diffuse/core/error.h"

namespace diffuse {

static_assert(std::endian::native == std::endian::little,
              "arrays are written as they lie in memory");

static constexpr std::string_view kMagic = "\x93NUMPY";

std::string npy_header(at::ScalarType type, at::IntArrayRef shape) {
  std::string text =
      concat("{'descr': '", npy_descr(type), "', 'fortran_order': False, 'shape': (");
  for (const int64_t size : shape) text += concat(size, shape.size() == 1 ? "," : ", ");
  if (shape.size() > 1) text.resize(text.size() - 2);
  text += "), }";
  const size_t before =
      kMagic.size() + 2 + 2;  // then padded, so that the data start at a multiple of 64
  text.append(63 - (before + text.size()) % 64, ' ');
  text += '\n';
  std::string header = concat(kMagic, '\x01', '\0');
  header += static_cast<char>(text.size() & 0xff);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

at::Tensor plain(const at::Tensor& array) { return array.detach().cpu().contiguous(); }

std::string_view bytes_of(const at::Tensor& array) {
  return {static_cast<const char*>(array.const_data_ptr()), array.nbytes()};
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

// The header's text; `data` is set to the offset after it.
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
  if (length > kMaxNpyHeader) throw Error(name, ": corrupt .npy header");
  if (start.size() < data) throw Error(name, ": truncated");
  return start.substr(8 + length_size, length);
}

NpyHeader parse_npy_header(const std::string& name, std::string_view start, uint64_t size) {
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
  for (const int64_t side : *shape) {  // sizes next to a 0 must not overflow: strides would
    overflow |= __builtin_mul_overflow(bytes, std::max<int64_t>(side, 1), &bytes);
    empty |= side == 0;
  }
  if (empty && !overflow) bytes = 0;
  if (overflow || static_cast<uint64_t>(bytes) != size - offset)
    throw Error(name, ": expected ", overflow ? "more" : std::to_string(bytes),
                " bytes of data by its header, got ", size - offset);
  if (fortran) std::reverse(shape->begin(), shape->end());
  return {type, std::move(*shape), fortran, offset, static_cast<uint64_t>(bytes)};
}

}  // namespace diffuse
