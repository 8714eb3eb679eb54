#include <algorithm>

#include "diffuse/core/error.h"
#include "src/files/zip_file.h"
#include "zip_format.h"

namespace diffuse {

static constexpr size_t kRecordSize = 46;  // of a directory record, without names

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

// Replaces saturated fields by the values of the zip64 extra field.
static bool read_zip64(std::string_view extra, ZipReader::Entry& entry) {
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
      return next(entry.size) && next(entry.stored_size) && next(entry.header_offset);
    }
    extra.remove_prefix(4 + size);
  }
  return entry.size != kMax32 && entry.stored_size != kMax32 && entry.header_offset != kMax32;
}

// For an entry made on Unix: the file mode is in the upper half of the external attributes.
static bool is_symbolic_link(std::string_view record) {
  constexpr uint64_t kUnix = 3, kKind = 0170000, kLink = 0120000;
  return get(record, 5, 1) == kUnix && (get(record, 40, 2) & kKind) == kLink;
}

// One entry of the central directory; `record` begins with its fixed part and names.
static ZipReader::Entry parse_entry(const std::string& file, std::string_view record,
                                    uint64_t name_size, uint64_t extra_size) {
  constexpr uint64_t kDeflated = 8, kMaxRatio = 1032;  // deflate packs at most 1032 to 1
  const uint64_t method = get(record, 10, 2);
  ZipReader::Entry entry{.name = std::string(record.substr(kRecordSize, name_size)),
                         .header_offset = get(record, 42, 4),
                         .size = get(record, 24, 4),
                         .stored_size = get(record, 20, 4),
                         .crc = static_cast<uint32_t>(get(record, 16, 4)),
                         .deflated = method == kDeflated,
                         .link = is_symbolic_link(record)};
  if ((get(record, 8, 2) & 1) != 0)
    throw Error(file, ": zip entry ", printable(entry.name),
                " is encrypted; expected an unencrypted one");
  if (method != 0 && method != kDeflated)
    throw Error(file, ": zip entry ", printable(entry.name), " is compressed by method ", method,
                "; expected stored or deflated");
  if (!read_zip64(record.substr(kRecordSize + name_size, extra_size), entry))
    throw Error(file, ": corrupt zip directory");
  if (entry.deflated ? entry.size / kMaxRatio > entry.stored_size : entry.size != entry.stored_size)
    throw Error(file, ": zip entry ", printable(entry.name), " is corrupt (sizes disagree)");
  return entry;
}

ZipReader::ZipReader(const std::filesystem::path& path) : file_(path) {
  uint64_t count = 0;
  const std::string directory = read_directory(count);
  std::string_view rest = directory;
  uint64_t total = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (rest.size() < kRecordSize || get(rest, 0, 4) != kDirectoryHeader)
      throw Error(file_.name(), ": corrupt zip directory");
    const uint64_t name = get(rest, 28, 2);
    const uint64_t extra = get(rest, 30, 2);
    const uint64_t length = kRecordSize + name + extra + get(rest, 32, 2);
    if (length > rest.size()) throw Error(file_.name(), ": corrupt zip directory");
    Entry entry = parse_entry(file_.name(), rest, name, extra);
    // Otherwise entries of a small file could name the same bytes many times.
    if (entry.stored_size > file_.size() - total)
      throw Error(file_.name(), ": truncated or corrupt zip");
    total += entry.stored_size;
    if (!index_.emplace(entry.name, entries_.size()).second)
      throw Error(file_.name(), ": zip entry ", printable(entry.name), " is duplicated");
    entries_.push_back(std::move(entry));
    rest.remove_prefix(length);
  }
}

const ZipReader::Entry* ZipReader::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

// Raw deflate. Returns false if `packed` does not unpack to exactly `size` bytes.
static bool inflate_to(std::string_view packed, void* out, uint64_t size) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
  constexpr uint64_t kPiece = uint64_t{1} << 30;  // zlib counts in 32 bits
  uint64_t taken = 0, given = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    const auto room = static_cast<uInt>(std::min(size - given, kPiece));
    const auto left = static_cast<uInt>(std::min(packed.size() - taken, kPiece));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + taken));
    stream.avail_in = left;
    stream.next_out = static_cast<Bytef*>(out) + given;
    stream.avail_out = room;
    status = inflate(&stream, Z_NO_FLUSH);
    taken += left - stream.avail_in;
    given += room - stream.avail_out;
  }
  inflateEnd(&stream);
  return status == Z_STREAM_END && given == size;
}

void ZipReader::read(const Entry& entry, void* out) const {
  constexpr uint64_t kHeaderSize = 30;
  const std::string header = file_.read(entry.header_offset, kHeaderSize);
  if (get(header, 0, 4) != kLocalHeader) throw Error(file_.name(), ": corrupt zip entry");
  const uint64_t start =
      entry.header_offset + kHeaderSize + get(header, 26, 2) + get(header, 28, 2);
  if (!entry.deflated)
    file_.read(start, out, entry.size);
  else if (!inflate_to(file_.read(start, entry.stored_size), out, entry.size))
    throw Error(file_.name(), ": zip entry ", printable(entry.name),
                " is corrupt (cannot be inflated)");
  if (crc_of({static_cast<const char*>(out), entry.size}) != entry.crc)
    throw Error(file_.name(), ": zip entry ", printable(entry.name),
                " is corrupt (wrong checksum)");
}

std::string ZipReader::read(const Entry& entry) const {
  std::string bytes(entry.size, '\0');
  read(entry, bytes.data());
  return bytes;
}

}  // namespace diffuse
