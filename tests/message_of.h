#pragma once

#include <string>

#include "diffuse/core/error.h"

namespace diffuse {

// The text of the Error that a call throws; "" where it throws none.
template <class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace diffuse
