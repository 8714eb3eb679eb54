#include "reason.h"

#include <c10/util/Exception.h>

namespace diffuse {

std::string reason_of(const std::exception& error) {
  const auto* const c10_error = dynamic_cast<const c10::Error*>(&error);
  std::string text = c10_error != nullptr ? c10_error->what_without_backtrace() : error.what();
  text = text.substr(0, text.find('\n'));
  for (size_t begin = text.find("[../"); begin != std::string::npos; begin = text.find("[../")) {
    const size_t end = text.find("] ", begin);
    text.erase(begin, end == std::string::npos ? end : end + 2 - begin);
  }
  return text;
}

}  // namespace diffuse
