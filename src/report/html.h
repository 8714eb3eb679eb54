// Pieces of HTML pages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace diffuse {

std::string html_escaped(std::string_view text);

// RFC 4648, section 4.
std::string base64(std::string_view bytes);

// <img> with the embedded bytes of a PNG, GIF or WebP picture; `alt` describes it.
std::string html_image(std::string_view bytes, const std::string& alt);

// A table whose rows begin with a heading. If `with_head`, the first row has the columns' headings.
std::string html_table(const std::vector<std::vector<std::string>>& rows, bool with_head);

}  // namespace diffuse
