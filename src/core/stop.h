// Asking a long run to stop: SIGINT (ctrl-C), SIGTERM (a cluster's end of time) and SIGUSR1 (its
// early warning) set a flag that the run looks at between steps.
#pragma once

namespace diffuse {

// A second SIGINT ends the process at once, with status 130.
void install_stop_handlers();

bool stop_requested();

// The first signal that came; 0 when none has.
int stop_signal();

// "SIGTERM", for example; "" for 0.
const char* signal_name(int signal);

// The name of the first signal that came.
inline const char* stop_reason() { return signal_name(stop_signal()); }

}  // namespace diffuse
