// Compiled without LibTorch's include path: its bundled fmt and the system's would collide.
#include "src/core/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <mutex>
#include <set>

namespace diffuse {

// One logger per process, on stderr; colours only on a terminal and without NO_COLOR.
static spdlog::logger& logger() {
  static const auto instance = [] {
    auto colours =
        std::getenv("NO_COLOR") ? spdlog::color_mode::never : spdlog::color_mode::automatic;
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(colours);
    auto made = std::make_shared<spdlog::logger>("diffuse", sink);
    made->set_pattern("%H:%M:%S %^%l%$ %v");
    return made;
  }();
  return *instance;
}

static spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

static LogLevel current_level = LogLevel::kInfo;

void set_log_level(LogLevel level) {
  current_level = level;
  logger().set_level(spdlog_level(level));
}

LogLevel log_level() { return current_level; }

void set_log_prefix(const std::string& prefix) {
  logger().set_pattern(prefix.empty() ? "%H:%M:%S %^%l%$ %v"
                                      : "%H:%M:%S %^%l%$ [" + prefix + "] %v");
}

// The text is an argument, never a format string.
void log_debug(std::string_view message) { logger().debug("{}", message); }
void log_info(std::string_view message) { logger().info("{}", message); }
void log_warning(std::string_view message) { logger().warn("{}", message); }
void log_error(std::string_view message) { logger().error("{}", message); }

void log_once(LogLevel level, const std::string& message) {
  static std::mutex mutex;
  static std::set<std::string> said;
  const std::scoped_lock lock(mutex);
  if (said.insert(message).second) logger().log(spdlog_level(level), "{}", message);
}

}  // namespace diffuse
