// The letters of pictures: a raster of 5 x 9 a letter, whose neighbouring dots are joined by strokes.
#include <array>
#include <string>
#include <string_view>

#include "canvas.h"

namespace diffuse {

static constexpr int kRows = 9, kColumns = 5, kPitch = 6;

// Sixteen characters per band, starting at the space, each six columns wide with the last one empty.
// clang-format off
static constexpr std::array<std::array<std::string_view, kRows>, 6> kBands{{
//      !     "     #     $     %     &     '     (     )     *     +     ,     -     .     /
{"        #    # #   # #    #   ##  #  ##     #      #   #                                      #",
 "        #    # #   # #   #### ##  # #  #    #     #     #     #     #                         ##",
 "        #         ##### # #      #  # #          #       #  # # #   #                        #",
 "        #          # #   ###    #    #           #       #   ### ######      ######         #",
 "        #         #####   # #  #    # # #        #       #  # # #   #                      #",
 "                   # #  ####  #  ## #  #          #     #     #     #                     #",
 "        #          # #    #   #  ##  ## #          #   #                  #           #   #",
 "                                                                         #",
 ""},
//0     1     2     3     4     5     6     7     8     9     :     ;     <     =     >     ?
{" ###    #    ###   ###     #  #####  ###  #####  ###   ###                  #       #      ###",
 "#   #  ##   #   # #   #   ##  #     #         # #   # #   #                #       # #    #   #",
 "#   #   #       #     #  # #  #     #        #  #   # #   #   #     #     #  ######   #       #",
 "#   #   #      #    ##  #  #  ####  ####    #    ###   ####            # #             #    ##",
 "#   #   #     #       # #####     # #   #   #   #   #     #               #  ######   #     #",
 "#   #   #    #    #   #    #  #   # #   #   #   #   #     #                #       # #",
 " ###   ###  #####  ###     #   ###   ###    #    ###   ###    #     #       #       #       #",
 "                                                                   #",
 ""},
//@     A     B     C     D     E     F     G     H     I     J     K     L     M     N     O
{" ###   ###  ####   ###  ####  ##### #####  ###  #   #  ###    ### #   # #     #   # #   #  ###",
 "#   # #   # #   # #   # #   # #     #     #   # #   #   #      #  #  #  #     ## ## ##  # #   #",
 "# ### #   # #   # #     #   # #     #     #     #   #   #      #  # #   #     # # # # # # #   #",
 "# # # ##### ####  #     #   # ####  ####  #  ## #####   #      #  ##    #     #   # #  ## #   #",
 "# ##  #   # #   # #     #   # #     #     #   # #   #   #      #  # #   #     #   # #   # #   #",
 "#     #   # #   # #   # #   # #     #     #   # #   #   #   #  #  #  #  #     #   # #   # #   #",
 " ###  #   # ####   ###  ####  ##### #      ###  #   #  ###   ##   #   # ##### #   # #   #  ###",
 "",
 ""},
//P     Q     R     S     T     U     V     W     X     Y     Z     [     \     ]     ^     _
{"####   ###  ####   ###  ##### #   # #   # #   # #   # #   # #####   ##  #      ##     #",
 "#   # #   # #   # #   #   #   #   # #   # #   # #   # #   #     #   #   #       #    # #",
 "#   # #   # #   # #       #   #   # #   # #   #  # #   # #     #    #    #      #   #   #",
 "####  #   # ####   ###    #   #   # #   # # # #   #     #     #     #     #     #",
 "#     # # # # #       #   #   #   # #   # # # #  # #    #    #      #      #    #",
 "#     #  #  #  #  #   #   #   #   #  # #  # # # #   #   #   #       #       #   #",
 "#      ## # #   #  ###    #    ###    #    # #  #   #   #   #####   ##      #  ##",
 "                                                                                          #####",
 ""},
//`     a     b     c     d     e     f     g     h     i     j     k     l     m     n     o
{" #          #               #         ##        #       #      #  #      ##",
 "  #         #               #        #          #                 #       #",
 "       ###  # ##   ###   ## #  ###  ####   ## # # ##   ##     ##  #  #    #   ## #  # ##   ###",
 "          # ##  # #   # #  ## #   #  #    #  ## ##  #   #      #  # #     #   # # # ##  # #   #",
 "       #### #   # #     #   # #####  #    #   # #   #   #      #  ##      #   # # # #   # #   #",
 "      #   # ##  # #   # #  ## #      #    #  ## #   #   #      #  # #     #   # # # #   # #   #",
 "       #### # ##   ###   ## #  ###   #     ## # #   #  ###     #  #  #   ###  #   # #   #  ###",
 "                                              #             #  #",
 "                                           ###               ##"},
//p     q     r     s     t     u     v     w     x     y     z     {     |     }     ~
{"                         #                                           ##   #   ##          #####",
 "                         #                                          #     #     #         #   #",
 "# ##   ## # # ##   #### ####  #   # #   # #   # #   # #   # #####   #     #     #    #    #   #",
 "##  # #  ## ##  # #      #    #   # #   # #   #  # #  #   #    #   #      #      #  # # # #   #",
 "#   # #   # #      ###   #    #   # #   # # # #   #   #   #   #     #     #     #      #  #   #",
 "##  # #  ## #         #  #  # #  ##  # #  # # #  # #   # #   #      #     #     #         #   #",
 "# ##   ## # #     ####    ##   ## #   #    # #  #   #   #   #####    ##   #   ##          #####",
 "#         #                                             #",
 "#         #                                          ###"},
}};
// clang-format on

std::string ascii_text(std::string_view utf8) {
  std::string ascii;
  for (const char c : utf8) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) ascii += c;
    if (byte >= 0xc0) ascii += '\x7f';  // a character's first byte; the others are below
  }
  return ascii;
}

static bool dot(size_t character, int column, int row) {
  if (column < 0 || column >= kColumns || row < 0 || row >= kRows) return false;
  const std::string_view line = kBands[character / 16][static_cast<size_t>(row)];
  const size_t place = character % 16 * kPitch + static_cast<size_t>(column);
  return place < line.size() && line[place] == '#';
}

std::vector<std::vector<CanvasPoint>> glyph_strokes(char character) {
  const bool known = character >= ' ' && character <= '~';
  const size_t c = known ? static_cast<size_t>(character - ' ') : 95;
  std::vector<std::vector<CanvasPoint>> lines;
  for (int row = 0; row < kRows; ++row)
    for (int column = 0; column < kColumns; ++column) {
      if (!dot(c, column, row)) continue;
      const CanvasPoint here{static_cast<double>(column), static_cast<double>(row)};
      lines.push_back({here, here});
      const bool right = dot(c, column + 1, row), below = dot(c, column, row + 1);
      if (right) lines.push_back({here, {here.x + 1, here.y}});
      if (below) lines.push_back({here, {here.x, here.y + 1}});
      // A diagonal only to close a gap, so that corners stay sharp.
      if (dot(c, column + 1, row + 1) && !right && !below)
        lines.push_back({here, {here.x + 1, here.y + 1}});
      if (dot(c, column - 1, row + 1) && !dot(c, column - 1, row) && !below)
        lines.push_back({here, {here.x - 1, here.y + 1}});
    }
  return lines;
}

}  // namespace diffuse
