// stdin, stdout and stderr as the process was given them: they may be closed, full or read by nobody.
#pragma once

namespace diffuse {

// First in main(). Opens /dev/null in place of a stream that is closed, whose descriptor, and what is
// written there, would else go to the file opened next; writing to such a stdout fails as before. From
// here on a write that cannot be done (SIGPIPE, SIGXFSZ) fails and does not end the process: a run goes
// on when nobody reads its log any more.
void secure_standard_streams();

// Whether stdout was closed, or is a pipe whose reader is gone.
bool stdout_is_unread();

// Writes what stdout still holds. Where some of all that was printed could not be written, says so on
// stderr and returns false; but ends the process by SIGPIPE, in silence, where the reader is gone.
bool finish_stdout();

}  // namespace diffuse
