#include "html.h"

#include <cstdint>

#include "diffuse/core/error.h"

namespace diffuse {

std::string html_escaped(std::string_view text) {
  std::string html;
  for (const char c : text) {
    if (c == '<')
      html += "&lt;";
    else if (c == '>')
      html += "&gt;";
    else if (c == '&')
      html += "&amp;";
    else if (c == '"')
      html += "&quot;";
    else
      html += c;
  }
  return html;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k)
      text += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::string html_image(std::string_view bytes, const std::string& alt) {
  const char* const type = bytes.starts_with("GIF8")   ? "gif"
                           : bytes.starts_with("RIFF") ? "webp"
                                                       : "png";
  return concat("<img alt=\"", html_escaped(alt), "\" src=\"data:image/", type, ";base64,",
                base64(bytes), "\">");
}

std::string html_table(const std::vector<std::vector<std::string>>& rows, bool with_head) {
  std::string html = "<div class=\"wide\"><table>\n";
  for (size_t r = 0; r < rows.size(); ++r) {
    html += "<tr>";
    for (size_t c = 0; c < rows[r].size(); ++c) {
      const bool head = c == 0 || (r == 0 && with_head);
      html += concat(head ? "<th>" : "<td>", html_escaped(rows[r][c]), head ? "</th>" : "</td>");
    }
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

}  // namespace diffuse
