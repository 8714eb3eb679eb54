// Zip archives: the container of .npz, of PyTorch's files and of many image sets.
// APPNOTE.TXT 6.3.9, with its zip64 extension if sizes need it. Entries are written stored
// (uncompressed); stored and deflated ones are read. Equal contents give equal bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/files/file.h"

namespace diffuse {

class ZipWriter {
 public:
  // `path` is a temporary file from atomic_write. The data of each entry starts at a multiple of
  // `alignment`, so that a reader may map the file.
  explicit ZipWriter(const std::filesystem::path& path, uint64_t alignment = 64);

  // Adds an entry: the concatenation of `pieces`.
  void add(const std::string& name, const std::vector<std::string_view>& pieces);

  void close();  // writes the directory

 private:
  OutputFile file_;
  uint64_t alignment_;
  std::string directory_;
  uint64_t entries_ = 0;
};

// Every offset and size is checked against the file: the entries together may not exceed it, and no entry
// may unpack to more than deflate allows. Thread-safe. Throws Error naming the file.
class ZipReader {
 public:
  struct Entry {
    std::string name;
    uint64_t header_offset;
    uint64_t size;         // unpacked
    uint64_t stored_size;  // in the file
    uint32_t crc;
    bool deflated;
    bool link = false;  // its bytes are the target path
  };

  explicit ZipReader(const std::filesystem::path& path);

  const std::vector<Entry>& entries() const { return entries_; }
  const Entry* find(const std::string& name) const;  // or null

  // Reads the whole entry into `out`, a buffer of entry.size bytes, and checks its CRC.
  void read(const Entry& entry, void* out) const;
  std::string read(const Entry& entry) const;

 private:
  std::string read_directory(uint64_t& count) const;

  InputFile file_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string, size_t> index_;
};

}  // namespace diffuse
