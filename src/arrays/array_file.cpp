#include "src/arrays/array_file.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "diffuse/core/error.h"
#include "npy_header.h"
#include "src/files/atomic_write.h"
#include "src/files/file.h"
#include "src/files/zip_file.h"

namespace diffuse {

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

// Converts a stored array to its meaning, in C order.
static at::Tensor in_c_order(const NpyHeader& header, const std::string& name, at::Tensor stored) {
  stored = as_meant(header.type, name, std::move(stored));
  if (!header.fortran) return stored;
  std::vector<int64_t> reversed(stored.dim());
  for (int64_t i = 0; i < stored.dim(); ++i) reversed[i] = stored.dim() - 1 - i;
  return stored.permute(reversed).contiguous();
}

at::Tensor read_npy(const std::filesystem::path& path) {
  const InputFile file(path);
  const std::string start = file.read(0, std::min(file.size(), 12 + kMaxNpyHeader));
  const NpyHeader header = parse_npy_header(file.name(), start, file.size());
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
  const NpyHeader header = parse_npy_header(what, bytes, bytes.size());
  const at::Tensor array = at::empty(header.shape, header.type.stored);
  std::memcpy(array.mutable_data_ptr(), bytes.data() + header.offset, header.bytes);
  return in_c_order(header, what, array);
}

}  // namespace diffuse
