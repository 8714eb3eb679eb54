// Numbers from text: 10, 010 (also ten), 1e3, 100.0, 0x1f, with spaces around.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace diffuse {

// Exact. Nothing for other text, such as 1.5, and for numbers beyond 64 bits.
std::optional<uint64_t> parse_unsigned(std::string_view text);

// The same with an optional sign.
std::optional<int64_t> parse_integer(std::string_view text);

// 0.5, .5, 5., 1e-3 and all of the above. Nothing for infinities, NaN and numbers outside the range of a
// double, such as 1e400.
std::optional<double> parse_real(std::string_view text);

}  // namespace diffuse
