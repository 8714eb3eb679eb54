// What exceptions of LibTorch and Gloo say, for people.
#pragma once

#include <exception>
#include <string>

namespace diffuse {

// The first line, without backtraces and without the places in their sources: "Connection refused".
std::string reason_of(const std::exception& error);

}  // namespace diffuse
