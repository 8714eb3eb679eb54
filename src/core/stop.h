// Requests to stop a long run: SIGINT (ctrl-C), SIGTERM (time limit of a cluster job) and SIGUSR1 (its
// early warning) set a flag that the run checks between steps.
#pragma once

namespace diffuse {

// A second SIGINT ends the process at once, with status 130.
void install_stop_handlers();

bool stop_requested();

// The first signal received; 0 for none.
int stop_signal();

// "SIGTERM", for example; "" for 0.
const char* signal_name(int signal);

// The name of the first signal received.
inline const char* stop_reason() { return signal_name(stop_signal()); }

}  // namespace diffuse
