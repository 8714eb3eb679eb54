// Pieces of HTML pages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace diffuse {

std::string html_escaped(std::string_view text);

// RFC 4648, section 4.
std::string base64(std::string_view bytes);

// <img> with the bytes of a PNG, GIF or WebP picture in it; `alt` says what it shows.
std::string html_image(std::string_view bytes, const std::string& alt);

// A table whose rows begin with a heading. The first row is the columns' headings where `with_head`.
std::string html_table(const std::vector<std::vector<std::string>>& rows, bool with_head);

}  // namespace diffuse
