#include "reason.h"

#include <c10/util/Exception.h>

namespace diffuse {

// "[/a/pair.cc:152] timed out" -> "timed out".
static std::string without_places(std::string text) {
  for (size_t begin = 0; (begin = text.find('[', begin)) != std::string::npos;) {
    const size_t end = text.find("] ", begin);
    if (end == std::string::npos) break;
    const bool place = text.substr(begin, end - begin).find(".cc:") != std::string::npos;
    if (place)
      text.erase(begin, end + 2 - begin);
    else
      begin = end;
  }
  return text;
}

std::string reason_of(const std::exception& error) {
  const auto* const c10_error = dynamic_cast<const c10::Error*>(&error);
  const std::string text =
      c10_error != nullptr ? c10_error->what_without_backtrace() : error.what();
  return without_places(text.substr(0, text.find('\n')));
}

}  // namespace diffuse
