// Whole files or none: write to a temporary file beside the target, fsync, rename.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

namespace diffuse {

// Calls `write` with the path of a fresh temporary file in the target's folder, then fsyncs it,
// renames it over `target` and fsyncs the folder. On any exception the temporary file is removed
// and `target` is as it was. Missing parent folders are created. Throws Error naming `target` when
// it cannot be written.
void atomic_write(const std::filesystem::path& target,
                  const std::function<void(const std::filesystem::path&)>& write);

// Renames a finished file of the target's folder over `target`, with the same care.
void atomic_rename(const std::filesystem::path& file, const std::filesystem::path& target);

// The same for text or bytes in memory.
void atomic_write(const std::filesystem::path& target, std::string_view bytes);

}  // namespace diffuse
