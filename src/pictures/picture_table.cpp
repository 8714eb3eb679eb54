#include "src/pictures/picture_table.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "canvas.h"

namespace diffuse {

Image draw_table(const std::vector<std::vector<Image>>& rows,
                 const std::vector<std::string>& row_captions,
                 const std::vector<std::string>& column_captions) {
  constexpr int64_t kCaption = 24, kGap = 4;
  constexpr uint32_t kText = 0x404040;
  std::vector<int64_t> lefts, widths;
  int64_t height = column_captions.empty() ? kGap : kCaption, width = kGap;
  const int64_t top = height;
  double text = 0;
  for (const std::string& caption : row_captions)
    text = std::max(text, Canvas::text_width(caption));
  if (text > 0) width += static_cast<int64_t>(std::ceil(text)) + 2 * kGap;
  const auto tallest = [](const std::vector<Image>& row) {
    int64_t tall = 0;
    for (const Image& picture : row) tall = std::max(tall, picture.height);
    return tall;
  };
  for (const auto& row : rows) {
    height += tallest(row) + kGap;
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].width);
  }
  for (const int64_t column : widths) {
    lefts.push_back(width);
    width += column + kGap;
  }
  Canvas canvas(width, height);
  for (size_t i = 0; i < std::min(widths.size(), column_captions.size()); ++i)
    canvas.text(column_captions[i],
                {static_cast<double>(lefts[i]) + static_cast<double>(widths[i]) / 2, 17}, 0.5,
                kText);
  int64_t y = top;
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t i = 0; i < rows[r].size(); ++i) canvas.paste(rows[r][i], lefts[i], y);
    const double middle = static_cast<double>(y) + static_cast<double>(tallest(rows[r])) / 2;
    if (r < row_captions.size())
      canvas.text(row_captions[r], {2 * kGap, middle + Canvas::kTextHeight / 2}, 0, kText);
    y += tallest(rows[r]) + kGap;
  }
  return canvas.take();
}

Image draw_row(const std::vector<Image>& pictures, const std::vector<std::string>& captions) {
  return draw_table({pictures}, {}, captions);
}

}  // namespace diffuse
