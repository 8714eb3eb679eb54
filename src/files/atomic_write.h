// Atomic writes of files: write to a temporary file beside the target, fsync, rename.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>
#include <system_error>

namespace diffuse {

// Calls `write` with the path of a new temporary file in the target's folder, then fsyncs it, renames
// it over `target` and fsyncs the folder. On any exception the temporary file is removed and `target` is
// unchanged. Missing parent folders are created. Throws as throw_unwritable() does if `target` cannot be
// written.
void atomic_write(const std::filesystem::path& target,
                  const std::function<void(const std::filesystem::path&)>& write);

// Renames a finished file in the target's folder over `target`, with the same fsyncs.
void atomic_rename(const std::filesystem::path& file, const std::filesystem::path& target);

// The same for text or bytes in memory.
void atomic_write(const std::filesystem::path& target, std::string_view bytes);

// Throws if atomic_write(target) would fail to begin, with the same error; leaves nothing behind, not even
// a folder.
void check_can_write(const std::filesystem::path& target);

// The same for any file in a folder, which need not exist.
void check_can_write_in(const std::filesystem::path& folder);

// Throws an exception that names `target` and the reason: std::runtime_error for a full or failing disk,
// else Error, for a bad name.
[[noreturn]] void throw_unwritable(const std::filesystem::path& target,
                                   const std::error_code& reason);

}  // namespace diffuse
