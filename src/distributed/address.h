// Addresses of this machine and of others, and their sockets.
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
  std::string text() const;  // numeric, without the port: "10.0.0.7"
  uint16_t port() const;
};

// The addresses of a host name.
struct Resolved {
  std::vector<Address> addresses;
  std::string failure;  // the system's reason if there are none
};

Resolved resolve(const std::string& host, uint16_t port);

// Whether a text is 127.x.x.x, ::1 or localhost: reachable only from this machine.
bool is_loopback(const std::string& host);

// The result of a connection attempt.
struct Contact {
  std::string failure;      // why it failed; "" if it was accepted
  std::string own_address;  // this machine's end of the connection
};

// Connects to a host and disconnects at once. Takes up to `seconds` per address.
Contact contact(const std::string& host, uint16_t port, double seconds);

// This machine's source address for packets to another; "" if there is no route.
std::string source_address(const std::string& address);

// A server's socket, bound but not yet listening.
struct Listener {
  int descriptor = -1;
  std::string address;  // for connections from this machine itself
  uint16_t port = 0;    // the requested one, or any free one for 0
  std::string doubt;    // why others may not reach it; "" if no reason is known
};

// Bound to the loopback for `loopback`, else to the address of this machine that `host` resolves to, or to
// all addresses if others cannot reach that one. Throws std::runtime_error with the reason.
Listener bind_listener(const std::string& host, uint16_t port, bool loopback);

}  // namespace diffuse
