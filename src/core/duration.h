// Elapsed time, and durations as text: 3h50m, 90s, 1d2h.
#pragma once

#include <string>
#include <string_view>

namespace diffuse {

// On a monotonic clock.
double seconds_now();

// Seconds in "3h50m", "90s", "1d2h", "1.5h" or "45" (seconds). Throws Error for anything else.
double parse_duration(std::string_view text);

// The two largest units: "45s", "2m10s", "3h50m", "1d02h".
std::string format_duration(double seconds);

}  // namespace diffuse
