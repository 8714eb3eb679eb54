// A JSON parser that refuses duplicate keys, which nlohmann::json accepts.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace diffuse {

// Throws Error "NAME: ..." with line and column, or with the path of the duplicate key.
nlohmann::json parse_strict_json(const std::string& text, const std::string& name);

// A key for use in a message: control characters such as line breaks become JSON escapes.
std::string one_line(const std::string& key);

}  // namespace diffuse
