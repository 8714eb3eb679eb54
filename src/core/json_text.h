// JSON as text.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace diffuse {

// On one line, or indented. Bytes that are not UTF-8, which file names may hold, become U+FFFD.
template <class Json>
std::string json_text(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace diffuse
