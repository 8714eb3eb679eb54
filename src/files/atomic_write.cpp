#include "src/files/atomic_write.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <random>
#include <system_error>

#include "diffuse/core/error.h"
#include "src/files/file.h"

namespace diffuse {

namespace fs = std::filesystem;

// fsync of a path: the kernel flushes the inode, for any descriptor.
static void sync_path(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw_errno("open");
  const int result = ::fsync(descriptor);
  const int code = errno;
  ::close(descriptor);
  // EINVAL: the file system cannot sync this kind of file; ignore it.
  if (result != 0 && code != EINVAL)
    throw std::system_error(code, std::generic_category(), "fsync");
}

// Creates an empty file beside `target` with the permissions of a plain open.
static fs::path create_temporary(const fs::path& target) {
  std::random_device random;
  for (;;) {
    const std::string name =
        concat(".", target.filename().string(), ".tmp-", ::getpid(), "-", std::hex, random());
    const fs::path path = target.parent_path() / name;
    const int descriptor = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (descriptor >= 0) {
      ::close(descriptor);
      return path;
    }
    if (errno != EEXIST) throw_errno("open");
  }
}

// The file behind `target`: links are followed, and only a plain file may be replaced (renaming over a
// device such as /dev/stdout would destroy it).
static fs::path resolve(const fs::path& target) {
  if (!target.has_filename()) throw Error(target.string(), ": cannot write: not a file name");
  const fs::path path =
      fs::is_symlink(target) && fs::exists(target) ? fs::canonical(target) : fs::absolute(target);
  if (fs::is_directory(path)) throw Error(target.string(), ": cannot write: it is a folder");
  if (fs::exists(path) && !fs::is_regular_file(path))
    throw Error(target.string(), ": cannot write: it is not a regular file");
  return path;
}

static void sync_and_rename(const fs::path& file, const fs::path& path) {
  sync_path(file);
  if (std::rename(file.c_str(), path.c_str()) != 0) throw_errno("rename");
  sync_path(path.parent_path());
}

static void write_and_rename(const fs::path& target,
                             const std::function<void(const fs::path&)>& write) {
  const fs::path path = resolve(target);
  fs::create_directories(path.parent_path());
  const fs::path temporary = create_temporary(path);
  try {
    write(temporary);
    sync_and_rename(temporary, path);
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
}

void throw_unwritable(const fs::path& target, const std::error_code& reason) {
  const std::string text = concat(target.string(), ": cannot write: ", reason.message());
  for (const int ours : {ENOSPC, EDQUOT, EFBIG, EIO})
    if (reason == std::error_code(ours, std::generic_category())) throw std::runtime_error(text);
  throw Error(text);
}

// Calls `work`; system errors are rethrown with the name of `target`.
template <class Work>
static void naming(const fs::path& target, const Work& work) {
  try {
    work();
  } catch (const std::system_error& error) {  // includes filesystem_error
    throw_unwritable(target, error.code());
  }
}

void atomic_write(const fs::path& target, const std::function<void(const fs::path&)>& write) {
  naming(target, [&] { write_and_rename(target, write); });
}

// The nearest existing folder above `path`.
static fs::path existing_folder(const fs::path& path) {
  fs::path folder = path.parent_path();
  while (!fs::exists(fs::symlink_status(folder))) folder = folder.parent_path();
  if (!fs::is_directory(folder))
    throw std::system_error(std::make_error_code(std::errc::not_a_directory));
  return folder;
}

// A device or a pipe, such as /dev/null: atomic writes do not apply.
static bool is_stream(const fs::path& target) {
  std::error_code unknown;
  const fs::file_status status = fs::status(target, unknown);
  return fs::is_character_file(status) || fs::is_fifo(status);
}

static void write_through(const fs::path& target, std::string_view bytes) {
  std::FILE* const file = std::fopen(target.c_str(), "wb");
  if (file == nullptr) throw_errno("open");
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  if (std::fclose(file) != 0 || !written) throw_errno("write");
}

void check_can_write(const fs::path& target) {
  naming(target, [&] {
    if (is_stream(target)) {
      if (::access(target.c_str(), W_OK) != 0) throw_errno("access");
      return;
    }
    const fs::path path = resolve(target);
    fs::remove(create_temporary(existing_folder(path) / path.filename()));
  });
}

void check_can_write_in(const fs::path& folder) {
  naming(folder, [&] {
    fs::remove(create_temporary(existing_folder(fs::absolute(folder) / "file") / "file"));
  });
}

void atomic_rename(const fs::path& file, const fs::path& target) {
  naming(target, [&] { sync_and_rename(file, resolve(target)); });
}

void atomic_write(const fs::path& target, std::string_view bytes) {
  if (is_stream(target)) {
    naming(target, [&] { write_through(target, bytes); });
    return;
  }
  atomic_write(target, [bytes](const fs::path& path) {
    OutputFile file(path);
    file.write(bytes);
    file.close();
  });
}

}  // namespace diffuse
