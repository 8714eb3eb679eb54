// Starts the processes of a run on this machine, for `diffuse launch`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace diffuse {

// Runs `processes` copies of a program with the variables read by launch_from_environment(), and waits for
// all. Forwards SIGINT, SIGTERM and SIGUSR1. After one has failed, the others have `grace` seconds to notice
// before they are killed.
// Returns 0 if all have, 75 if some stopped early and none failed, else the first failure's exit code, or 128
// + its signal. But a failure after a forwarded signal ends the caller by the same signal: it was told to
// stop, so nothing may be restarted.
int run_processes(const std::vector<std::string>& command, int64_t processes, double grace = 30);

}  // namespace diffuse
