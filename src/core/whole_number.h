// Numbers as people write them: 10, 010 (ten, too), 1e3, 100.0, 0x1f, blanks around.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace diffuse {

// Exact. Nothing for any other text, such as 1.5, and for what 64 bits do not hold.
std::optional<uint64_t> parse_unsigned(std::string_view text);

// The same with a sign before it, or without.
std::optional<int64_t> parse_integer(std::string_view text);

// 0.5, .5, 5., 1e-3 and all of the above. Nothing for what a double does not hold, such as 1e400, and for
// infinities and NaN.
std::optional<double> parse_real(std::string_view text);

}  // namespace diffuse
