// Errors that the user can fix, and helpers for their one-line messages.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace diffuse {

// The arguments, concatenated, as operator<< writes them.
template <class... Args>
std::string concat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

// Bad use: a flag, config, file or environment that the user can fix. The text is one line that names
// the file, the JSON path or flag, the value found and the value expected. `main` maps it to exit code
// 2, and any other exception to exit code 1.
class Error : public std::runtime_error {
 public:
  template <class... Args>
  explicit Error(const Args&... args) : std::runtime_error(concat(args...)) {}
};

// "; did you mean "unet"?" for the candidate closest to `word`, or "" if none is close.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

bool contains(const std::vector<std::string>& words, std::string_view word);

// Text from a file for use in a message: its first 200 bytes, with '?' for control characters such as
// line breaks.
std::string printable(std::string_view text);

// "a, b, c": for messages that list allowed values.
std::string join(const std::vector<std::string>& words, std::string_view separator = ", ");

}  // namespace diffuse
