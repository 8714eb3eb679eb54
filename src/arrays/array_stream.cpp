#include "src/arrays/array_stream.h"

#include <ATen/ops/from_file.h>

#include <system_error>

#include "diffuse/core/error.h"
#include "npy_header.h"
#include "src/files/atomic_write.h"
#include "src/files/zip_file.h"

namespace diffuse {

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
      throw Error(partial_.string(), ": cannot resume: expected ", shape[0],
                  " rows of the same shape");
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

// Calls `work`; system errors are rethrown with the name of the file.
template <class Work>
void ArrayStream::naming(const Work& work) const {
  try {
    work();
  } catch (const std::system_error& error) {
    throw_unwritable(partial_, error.code());
  }
}

}  // namespace diffuse
