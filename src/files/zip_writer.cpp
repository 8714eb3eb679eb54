#include <algorithm>

#include "src/files/zip_file.h"
#include "zip_format.h"

namespace diffuse {

static constexpr uint16_t kPaddingExtra = 0x4246;  // "FB", as PyTorch pads
static constexpr uint16_t kUtf8Names = 1 << 11;
static constexpr uint16_t kFirstDay = (1 << 5) | 1;  // 1980-01-01: no clock, so equal bytes

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

// The directory's extra field: the zip64 values of saturated header fields.
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

// The fields shared by the local and the directory header, from "version needed" on.
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

}  // namespace diffuse
