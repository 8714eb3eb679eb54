// Whole files or none: write to a temporary file beside the target, fsync, rename.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>
#include <system_error>

namespace diffuse {

// Calls `write` with the path of a fresh temporary file in the target's folder, then fsyncs it,
// renames it over `target` and fsyncs the folder. On any exception the temporary file is removed
// and `target` is as it was. Missing parent folders are created. Throws as throw_unwritable() does
// when `target` cannot be written.
void atomic_write(const std::filesystem::path& target,
                  const std::function<void(const std::filesystem::path&)>& write);

// Renames a finished file of the target's folder over `target`, with the same care.
void atomic_rename(const std::filesystem::path& file, const std::filesystem::path& target);

// The same for text or bytes in memory.
void atomic_write(const std::filesystem::path& target, std::string_view bytes);

// Throws, as it would, where atomic_write(target) could not begin; leaves nothing behind, no folder
// either.
void check_can_write(const std::filesystem::path& target);

// The same for any file in a folder, which need not be there.
void check_can_write_in(const std::filesystem::path& folder);

// Throws what names `target` and the reason: std::runtime_error for a disk that is full or fails, else
// Error, as the name was a bad one.
[[noreturn]] void throw_unwritable(const std::filesystem::path& target,
                                   const std::error_code& reason);

}  // namespace diffuse
