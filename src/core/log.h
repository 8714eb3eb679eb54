// Log lines on stderr. Only the implementation includes spdlog.
#pragma once

#include <string>
#include <string_view>

namespace diffuse {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

void set_log_level(LogLevel level);
LogLevel log_level();

// Prefix of each line, for example "rank 3"; "" for none.
void set_log_prefix(const std::string& prefix);

void log_debug(std::string_view message);
void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

// The same message once per process. Thread-safe.
void log_once(LogLevel level, const std::string& message);

}  // namespace diffuse
