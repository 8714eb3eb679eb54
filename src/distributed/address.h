// Addresses of this machine and of others, and sockets at them.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

namespace diffuse {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  std::string text() const;  // in numbers, without the port: "10.0.0.7"
  uint16_t port() const;
};

// What a host's name stands for.
struct Resolved {
  std::vector<Address> addresses;
  std::string failure;  // why there are none, as the system says it
};

Resolved resolve(const std::string& host, uint16_t port);

// Whether a text is 127.x.x.x, ::1 or localhost: only processes of this machine are met there.
bool is_loopback(const std::string& host);

// What came of a connection.
struct Contact {
  std::string failure;      // why nobody was met; "" where a connection was accepted
  std::string own_address;  // from which this machine reached the other
};

// Connects to a host and leaves at once. Takes up to `seconds` an address.
Contact contact(const std::string& host, uint16_t port, double seconds);

// The address of this machine from which it would send to another; "" where no way leads there.
std::string source_address(const std::string& address);

// A socket for a server, bound and not yet listening.
struct Listener {
  int descriptor = -1;
  std::string address;  // at which this machine itself connects to it
  uint16_t port = 0;    // the one asked for, or any free one for 0
  std::string doubt;    // why others may not find it; "" where nothing is known
};

// Bound to the loopback for `loopback`, to the address of this machine that `host` stands for, or, where
// that is none which others can reach, to all of them. Throws std::runtime_error with the reason.
Listener bind_listener(const std::string& host, uint16_t port, bool loopback);

}  // namespace diffuse
