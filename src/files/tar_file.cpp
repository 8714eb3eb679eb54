#include "src/files/tar_file.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "diffuse/core/error.h"
#include "src/files/gz_file.h"

namespace diffuse {

static constexpr uint64_t kBlock = 512;

// A field up to its first NUL.
static std::string_view text_field(std::string_view header, size_t offset, size_t size) {
  const std::string_view field = header.substr(offset, size);
  return field.substr(0, std::min(field.find('\0'), field.size()));
}

// Octal digits, or in GNU's form big-endian bytes after a first byte with the highest bit set.
static std::optional<uint64_t> number_field(std::string_view header, size_t offset, size_t size) {
  std::string_view field = header.substr(offset, size);
  uint64_t value = 0;
  if ((field[0] & 0x80) != 0) {
    for (const char c : field.substr(field.size() - 8))
      value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value, 8);
  return error == std::errc{} ? std::optional(value) : std::nullopt;
}

// The checksum is the sum of the header's bytes, with its own field counted as spaces.
static bool checksum_holds(std::string_view header) {
  constexpr size_t kField = 148, kFieldSize = 8;
  uint64_t sum = kFieldSize * ' ';
  for (size_t i = 0; i < header.size(); ++i)
    if (i < kField || i >= kField + kFieldSize) sum += static_cast<unsigned char>(header[i]);
  return number_field(header, kField, kFieldSize) == sum;
}

// The value of `key` in a pax header, whose records are "<length> <key>=<value>\n"; "" without it.
static std::string pax_value(std::string_view records, std::string_view key) {
  while (!records.empty()) {
    uint64_t length = 0;
    std::from_chars(records.data(), records.data() + records.size(), length);
    if (length == 0 || length > records.size()) return "";
    std::string_view record = records.substr(0, length);
    records.remove_prefix(length);
    record.remove_prefix(std::min(record.find(' ') + 1, record.size()));
    if (record.starts_with(concat(key, "=")) && record.ends_with('\n'))
      return std::string(record.substr(key.size() + 1, record.size() - key.size() - 2));
  }
  return "";
}

static std::string ustar_name(std::string_view header) {
  const std::string_view prefix =
      header.substr(257, 5) == "ustar" ? text_field(header, 345, 155) : std::string_view();
  const std::string name(text_field(header, 0, 100));
  return prefix.empty() || header[262] == ' ' ? name : concat(prefix, "/", name);
}

static bool is_gzip(const std::filesystem::path& path) {
  const std::string ending = ending_of(path);
  return ending == ".gz" || ending == ".tgz";
}

namespace {
// Fields of extended headers for the next file.
struct TarExtra {
  std::string name, target, size;

  void read(char kind, const std::string& value) {
    if (kind == 'L') name = value.c_str();
    if (kind == 'K') target = value.c_str();
    if (kind == 'x')
      *this = {pax_value(value, "path"), pax_value(value, "linkpath"), pax_value(value, "size")};
  }
};
}  // namespace

// `target`: the path of the file that a hard link shares.
void TarReader::add(char kind, const std::string& name, Entry entry, const std::string& target) {
  const auto shared = index_.find(target);
  entry.name = name;
  entry.link = kind == '2' || (kind == '1' && shared == index_.end());
  if (kind == '1' && !entry.link) {
    entry.offset = entries_[shared->second].offset;
    entry.size = entries_[shared->second].size;
  }
  if (!entry.link) index_[name] = entries_.size();
  entries_.push_back(std::move(entry));
}

TarReader::TarReader(const std::filesystem::path& path)
    : file_(is_gzip(path) ? unpack_gzip(path) : std::make_shared<const InputFile>(path)) {
  constexpr uint64_t kMaxName = 1 << 16;
  TarExtra extra;
  for (uint64_t at = 0; at + kBlock <= file_->size();) {
    const std::string header = file_->read(at, kBlock);
    if (header.find_first_not_of('\0') == std::string::npos) return;  // the end mark
    if (!checksum_holds(header))
      throw Error(file_->name(), at == 0 ? ": not a .tar archive" : ": damaged .tar archive");
    uint64_t size = number_field(header, 124, 12).value_or(0);
    std::from_chars(extra.size.data(), extra.size.data() + extra.size.size(), size);
    const uint64_t data = at + kBlock;
    if (size > file_->size() - data) throw Error(file_->name(), ": truncated .tar archive");
    const char kind = header[156];
    if (kind == 'L' || kind == 'K' || kind == 'x') {
      extra.read(kind, file_->read(data, std::min(size, kMaxName)));
    } else {
      if (kind == '\0' || ('0' <= kind && kind <= '2'))
        add(kind, extra.name.empty() ? ustar_name(header) : extra.name, {"", data, size},
            extra.target.empty() ? std::string(text_field(header, 157, 100)) : extra.target);
      extra = {};
    }
    at = data + (size + kBlock - 1) / kBlock * kBlock;
  }
  if (entries_.empty()) throw Error(file_->name(), ": not a .tar archive");
}

}  // namespace diffuse
