// Readable text of LibTorch's and Gloo's exceptions.
#pragma once

#include <exception>
#include <string>

namespace diffuse {

// The first line, without backtraces and source locations: "Connection refused".
std::string reason_of(const std::exception& error);

}  // namespace diffuse
