// Asking a long run to stop: SIGINT (ctrl-C), SIGTERM (a cluster's end of time) and SIGUSR1 (its
// early warning) set a flag that the run looks at between steps.
#pragma once

namespace diffuse {

// A second SIGINT ends the process at once, with status 130.
void install_stop_handlers();

bool stop_requested();

// "SIGTERM", for example: the first signal that came; "" when none has.
const char* stop_reason();

}  // namespace diffuse
