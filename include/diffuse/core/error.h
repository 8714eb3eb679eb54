// Errors a user can mend, and the helpers that make their one-line messages.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace diffuse {

// The arguments written one after the other, as operator<< writes them.
template <class... Args>
std::string concat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

// Bad use: a flag, config, file or environment the user can mend. The text is one line that names
// the file, the JSON path or flag, what was found and what is wanted. `main` maps it to exit code 2;
// any other exception is ours and maps to exit code 1.
class Error : public std::runtime_error {
 public:
  template <class... Args>
  explicit Error(const Args&... args) : std::runtime_error(concat(args...)) {}
};

// "; did you mean "unet"?" for the candidate closest to `word`, or "" when none is close.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

bool contains(const std::vector<std::string>& words, std::string_view word);

// Text from a file as part of a line: its first 200 bytes, with '?' for line breaks and other control
// characters.
std::string printable(std::string_view text);

// "a, b, c": for messages that list what is allowed.
std::string join(const std::vector<std::string>& words, std::string_view separator = ", ");

}  // namespace diffuse
