// Whether somebody is to be met at a host and port.
#pragma once

#include <cstdint>
#include <string>

namespace diffuse {

// Why a host's name leads nowhere, as the system says it; "" where it leads somewhere.
std::string resolve_failure(const std::string& host);

// Why nobody is met there; "" where a connection was accepted. Takes up to 5 s an address.
std::string connect_failure(const std::string& host, uint16_t port);

}  // namespace diffuse
