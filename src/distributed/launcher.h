// Starts the processes of a run on this machine: what `diffuse launch` does.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace diffuse {

// Runs `processes` copies of a program with the variables that launch_from_environment() reads, and
// waits for all. SIGINT, SIGTERM and SIGUSR1 are passed on. After one has failed the others have
// `grace` seconds to notice before they are killed.
// Returns 0 if all have, 75 if some stopped early and none failed, else the first failure's exit
// code, or 128 + its signal; but a failure after a signal that was passed on ends the caller by that
// signal, too: it was told to stop, so nothing must be started again.
int run_processes(const std::vector<std::string>& command, int64_t processes, double grace = 30);

}  // namespace diffuse
