// stdin, stdout and stderr of the process: they may be closed, full or without a reader.
#pragma once

namespace diffuse {

// Call it first in main(). Opens /dev/null in place of a closed stream: otherwise the next opened file
// would get its descriptor and its output. Writing to such a stdout still fails. From then on, a failed
// write (SIGPIPE, SIGXFSZ) returns an error instead of ending the process: a run continues when the
// reader of its log is gone.
void secure_standard_streams();

// Whether stdout was closed, or is a pipe without a reader.
bool stdout_is_unread();

// Flushes stdout. If any output could not be written, says so on stderr and returns false. If the reader
// is gone, ends the process by SIGPIPE without a message.
bool finish_stdout();

}  // namespace diffuse
