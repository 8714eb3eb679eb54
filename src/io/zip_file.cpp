#include "diffuse/io/zip_file.h"

#include <zlib.h>

#include <algorithm>

#include "diffuse/core/error.h"

namespace diffuse {

static constexpr uint32_t kLocalHeader = 0x04034b50;
static constexpr uint32_t kDirectoryHeader = 0x02014b50;
static constexpr uint32_t kDirectoryEnd = 0x06054b50;
static constexpr uint32_t kZip64End = 0x06064b50;
static constexpr uint32_t kZip64Locator = 0x07064b50;
static constexpr uint64_t kMax32 = 0xffffffff;
static constexpr uint64_t kMax16 = 0xffff;
static constexpr uint16_t kZip64Extra = 1;
static constexpr uint16_t kPaddingExtra = 0x4246;  // "FB", as PyTorch pads
static constexpr uint16_t kUtf8Names = 1 << 11;
static constexpr uint16_t kFirstDay = (1 << 5) | 1;  // 1980-01-01: no clock, so equal bytes

// Little-endian integers of `size` bytes.
static void put(std::string& out, uint64_t value, int size) {
  for (int i = 0; i < size; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

static uint64_t get(std::string_view bytes, size_t offset, int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; ++i)
    value |= uint64_t{static_cast<unsigned char>(bytes[offset + i])} << (8 * i);
  return value;
}

static uint32_t crc_of(std::string_view bytes, uint32_t crc = 0) {
  if (bytes.empty()) return crc;  // zlib takes a null pointer for a request of the first value
  return static_cast<uint32_t>(
      crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

ZipWriter::ZipWriter(const std::filesystem::path& path, uint64_t alignment)
    : file_(path), alignment_(alignment) {}

// The extra fields of a local header that ends at `end` without them: zip64 sizes where needed, and
// padding up to the alignment.
static std::string local_extra(uint64_t size, uint64_t end, uint64_t alignment) {
  std::string extra;
  if (size >= kMax32) {
    put(extra, kZip64Extra, 2);
    put(extra, 16, 2);
    put(extra, size, 8);
    put(extra, size, 8);
  }
  const uint64_t start = end + extra.size() + 4;
  const uint64_t padding = (alignment - start % alignment) % alignment;
  put(extra, kPaddingExtra, 2);
  put(extra, padding, 2);
  extra.append(padding, '\0');
  return extra;
}

// The directory's extra field: the zip64 values of those header fields that are full.
static std::string directory_extra(uint64_t size, uint64_t offset) {
  std::string values;
  if (size >= kMax32) {
    put(values, size, 8);
    put(values, size, 8);
  }
  if (offset >= kMax32) put(values, offset, 8);
  std::string extra;
  if (values.empty()) return extra;
  put(extra, kZip64Extra, 2);
  put(extra, values.size(), 2);
  return extra + values;
}

// The fields that the local and the directory header share, from "version needed" on.
static std::string common_fields(uint64_t name_size, uint64_t size, uint32_t crc, bool zip64) {
  std::string fields;
  put(fields, zip64 ? 45 : 20, 2);
  put(fields, kUtf8Names, 2);
  put(fields, 0, 2);  // stored
  put(fields, 0, 2);  // time
  put(fields, kFirstDay, 2);
  put(fields, crc, 4);
  put(fields, std::min(size, kMax32), 4);
  put(fields, std::min(size, kMax32), 4);
  put(fields, name_size, 2);
  return fields;
}

void ZipWriter::add(const std::string& name, const std::vector<std::string_view>& pieces) {
  uint64_t size = 0;
  uint32_t crc = 0;
  for (const auto piece : pieces) {
    size += piece.size();
    crc = crc_of(piece, crc);
  }
  const uint64_t offset = file_.position();
  const bool zip64 = size >= kMax32 || offset >= kMax32;
  const std::string common = common_fields(name.size(), size, crc, zip64);

  std::string local;
  put(local, kLocalHeader, 4);
  local += common;
  const std::string extra = local_extra(size, offset + local.size() + 2 + name.size(), alignment_);
  put(local, extra.size(), 2);
  file_.write(local + name + extra);
  for (const auto piece : pieces) file_.write(piece);

  const std::string more = directory_extra(size, offset);
  put(directory_, kDirectoryHeader, 4);
  put(directory_, zip64 ? 45 : 20, 2);  // made by
  directory_ += common;
  put(directory_, more.size(), 2);
  put(directory_, 0, 2 + 2 + 2);  // comment length, disk, internal attributes
  put(directory_, 0, 4);          // external attributes
  put(directory_, std::min(offset, kMax32), 4);
  directory_ += name + more;
  ++entries_;
}

void ZipWriter::close() {
  const uint64_t offset = file_.position();
  const uint64_t size = directory_.size();
  std::string end;
  if (offset >= kMax32 || size >= kMax32 || entries_ >= kMax16) {
    put(end, kZip64End, 4);
    put(end, 44, 8);  // size of the rest of this record
    put(end, 45, 2);
    put(end, 45, 2);
    put(end, 0, 4 + 4);
    put(end, entries_, 8);
    put(end, entries_, 8);
    put(end, size, 8);
    put(end, offset, 8);
    put(end, kZip64Locator, 4);
    put(end, 0, 4);
    put(end, offset + size, 8);
    put(end, 1, 4);
  }
  put(end, kDirectoryEnd, 4);
  put(end, 0, 2 + 2);
  put(end, std::min(entries_, kMax16), 2);
  put(end, std::min(entries_, kMax16), 2);
  put(end, std::min(size, kMax32), 4);
  put(end, std::min(offset, kMax32), 4);
  put(end, 0, 2);
  file_.write(directory_);
  file_.write(end);
  file_.close();
}

// The central directory's bytes; `count` becomes the number of its entries.
std::string ZipReader::read_directory(uint64_t& count) const {
  constexpr uint64_t kEndSize = 22;
  const uint64_t tail_size = std::min(file_.size(), kEndSize + kMax16);
  const uint64_t tail_offset = file_.size() - tail_size;
  const std::string tail = file_.read(tail_offset, tail_size);
  std::string signature;
  put(signature, kDirectoryEnd, 4);
  const size_t end = tail.rfind(signature);
  if (end == std::string::npos || tail.size() - end < kEndSize)
    throw Error(file_.name(), ": not a zip archive, or truncated");
  count = get(tail, end + 10, 2);
  uint64_t size = get(tail, end + 12, 4);
  uint64_t offset = get(tail, end + 16, 4);
  if (end >= 20 && get(tail, end - 20, 4) == kZip64Locator) {
    const std::string record = file_.read(get(tail, end - 12, 8), 56);
    if (get(record, 0, 4) != kZip64End) throw Error(file_.name(), ": corrupt zip64 directory");
    count = get(record, 32, 8);
    size = get(record, 40, 8);
    offset = get(record, 48, 8);
  }
  return file_.read(offset, size);
}

// Replaces the fields that are full by the values of the zip64 extra field.
static bool read_zip64(std::string_view extra, ZipReader::Entry& entry, uint64_t compressed) {
  while (extra.size() >= 4) {
    const uint64_t size = get(extra, 2, 2);
    if (size > extra.size() - 4) return false;
    if (get(extra, 0, 2) == kZip64Extra) {
      const std::string_view field = extra.substr(4, size);
      size_t used = 0;
      const auto next = [&](uint64_t& value) {
        if (value != kMax32) return true;
        if (field.size() - used < 8) return false;
        value = get(field, used, 8);
        used += 8;
        return true;
      };
      return next(entry.size) && next(compressed) && next(entry.header_offset);
    }
    extra.remove_prefix(4 + size);
  }
  return entry.size != kMax32 && entry.header_offset != kMax32;
}

ZipReader::ZipReader(const std::filesystem::path& path) : file_(path) {
  constexpr size_t kHeaderSize = 46;
  uint64_t count = 0;
  const std::string directory = read_directory(count);
  std::string_view rest = directory;
  uint64_t total = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (rest.size() < kHeaderSize || get(rest, 0, 4) != kDirectoryHeader)
      throw Error(file_.name(), ": corrupt zip directory");
    const uint64_t name = get(rest, 28, 2);
    const uint64_t extra = get(rest, 30, 2);
    const uint64_t length = kHeaderSize + name + extra + get(rest, 32, 2);
    if (length > rest.size()) throw Error(file_.name(), ": corrupt zip directory");
    Entry entry{.name = std::string(rest.substr(kHeaderSize, name)),
                .header_offset = get(rest, 42, 4),
                .size = get(rest, 24, 4),
                .crc = static_cast<uint32_t>(get(rest, 16, 4))};
    if (get(rest, 10, 2) != 0)
      throw Error(file_.name(), ": zip entry ", entry.name, " is compressed; expected stored ones");
    if (!read_zip64(rest.substr(kHeaderSize + name, extra), entry, get(rest, 20, 4)))
      throw Error(file_.name(), ": corrupt zip directory");
    // Together the entries must fit: otherwise a small file could name the same bytes many times.
    if (entry.size > file_.size() - total) throw Error(file_.name(), ": truncated or corrupt zip");
    total += entry.size;
    if (!index_.emplace(entry.name, entries_.size()).second)
      throw Error(file_.name(), ": zip entry ", entry.name, " is there twice");
    entries_.push_back(std::move(entry));
    rest.remove_prefix(length);
  }
}

const ZipReader::Entry* ZipReader::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

void ZipReader::read(const Entry& entry, void* out) const {
  constexpr uint64_t kHeaderSize = 30;
  const std::string header = file_.read(entry.header_offset, kHeaderSize);
  if (get(header, 0, 4) != kLocalHeader) throw Error(file_.name(), ": corrupt zip entry");
  const uint64_t start =
      entry.header_offset + kHeaderSize + get(header, 26, 2) + get(header, 28, 2);
  file_.read(start, out, entry.size);
  if (crc_of({static_cast<const char*>(out), entry.size}) != entry.crc)
    throw Error(file_.name(), ": zip entry ", entry.name, " is corrupt (wrong checksum)");
}

}  // namespace diffuse
