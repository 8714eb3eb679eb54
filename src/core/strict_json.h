// JSON text to a value, refusing what nlohmann::json lets pass: a key given twice.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace diffuse {

// Throws Error "NAME: ..." with line and column, or the path of the doubled key.
nlohmann::json parse_strict_json(const std::string& text, const std::string& name);

// A key as messages show it: line breaks and other control characters as JSON escapes.
std::string one_line(const std::string& key);

}  // namespace diffuse
