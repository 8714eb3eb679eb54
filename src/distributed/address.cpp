#include "address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "diffuse/core/error.h"

namespace diffuse {

std::string Address::text() const {
  char host[NI_MAXHOST];
  const int failure =
      getnameinfo(get(), size, host, sizeof host, nullptr, 0, NI_NUMERICHOST | NI_NUMERICSERV);
  return failure == 0 ? host : "";
}

uint16_t Address::port() const {
  return ntohs(storage.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

Resolved resolve(const std::string& host, uint16_t port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (failure != 0) return {{}, host + ": " + gai_strerror(failure)};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  Resolved result;
  for (; found != nullptr; found = found->ai_next) {
    Address& address = result.addresses.emplace_back();
    std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
    address.size = found->ai_addrlen;
  }
  return result;
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host.starts_with("127.") || host == "::1";
}

static int open_socket(const Address& address, int type) {
  return socket(address.storage.ss_family, type | SOCK_CLOEXEC, 0);
}

// The local address of a socket.
static Address name_of(int descriptor) {
  Address own;
  own.size = sizeof own.storage;
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&own.storage), &own.size) != 0)
    own.size = 0;
  return own;
}

// TCP may connect a socket to itself if its own port is the one it connects to.
static bool is_own(const Address& own, const Address& other) {
  return own.size == other.size && std::memcmp(&own.storage, &other.storage, own.size) == 0;
}

static Contact contact(const Address& address, double seconds) {
  const int stream = open_socket(address, SOCK_STREAM);
  if (stream < 0) return {std::strerror(errno), ""};
  const double whole = std::floor(seconds);
  const timeval longest{.tv_sec = static_cast<time_t>(whole),
                        .tv_usec = static_cast<suseconds_t>((seconds - whole) * 1e6)};
  setsockopt(stream, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);  // of connect() too
  int reason = connect(stream, address.get(), address.size) == 0 ? 0 : errno;
  if (reason == EINPROGRESS) reason = ETIMEDOUT;
  const Address own = name_of(stream);
  if (reason == 0 && is_own(own, address)) reason = ECONNREFUSED;
  close(stream);
  if (reason != 0) return {std::strerror(reason), ""};
  return {"", own.text()};
}

Contact contact(const std::string& host, uint16_t port, double seconds) {
  const Resolved resolved = resolve(host, port);
  Contact result{.failure = resolved.failure, .own_address = ""};
  for (const Address& address : resolved.addresses)
    if (result = contact(address, seconds); result.failure.empty()) break;
  return result;
}

std::string source_address(const std::string& address) {
  constexpr uint16_t kAnyPort = 9;  // nothing is sent to it
  for (const Address& other : resolve(address, kAnyPort).addresses) {
    const int datagrams = open_socket(other, SOCK_DGRAM);
    const bool found = datagrams >= 0 && connect(datagrams, other.get(), other.size) == 0;
    const std::string own = found ? name_of(datagrams).text() : "";
    if (datagrams >= 0) close(datagrams);
    if (!own.empty()) return own;
  }
  return "";
}

// A socket bound to an address, or the reason of the failure.
static int bind_at(const Address& address, int& reason) {
  const int descriptor = open_socket(address, SOCK_STREAM);
  const int yes = 1, no = 0;
  if (descriptor >= 0) {
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (address.storage.ss_family == AF_INET6)  // "::" accepts IPv4 connections too
      setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    if (bind(descriptor, address.get(), address.size) == 0) return descriptor;
  }
  reason = errno;
  if (descriptor >= 0) close(descriptor);
  return -1;
}

[[noreturn]] static void cannot_listen(int reason) {
  throw std::runtime_error(std::strerror(reason));
}

static Listener bind_all(uint16_t port, const std::string& doubt) {
  int reason = 0;
  for (const char* const all : {"::", "0.0.0.0"}) {
    const int descriptor = bind_at(resolve(all, port).addresses.at(0), reason);
    if (descriptor >= 0) return {descriptor, "127.0.0.1", name_of(descriptor).port(), doubt};
    if (reason == EADDRINUSE) break;
  }
  cannot_listen(reason);
}

Listener bind_listener(const std::string& host, uint16_t port, bool loopback) {
  const Resolved resolved = resolve(loopback ? "127.0.0.1" : host, port);
  if (!resolved.failure.empty()) return bind_all(port, resolved.failure);
  std::string doubt;
  for (const Address& address : resolved.addresses) {
    if (is_loopback(address.text()) && !loopback)
      continue;  // Debian's entry for the machine's own name
    int reason = 0;
    const int descriptor = bind_at(address, reason);
    if (descriptor >= 0) return {descriptor, address.text(), name_of(descriptor).port(), ""};
    if (reason != EADDRNOTAVAIL) cannot_listen(reason);
    doubt = concat(host, address.text() == host ? "" : " (" + address.text() + ")",
                   ", which is not an address of this machine");
  }
  return bind_all(port, doubt);
}

}  // namespace diffuse
