#include "probe.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace diffuse {

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

static std::string resolve(const std::string& host, uint16_t port, Addresses& addresses) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (failure != 0) return host + ": " + gai_strerror(failure);
  addresses.reset(found);
  return "";
}

// TCP may connect a socket to itself where nobody listens at a port it could be given.
static bool is_own(int stream, const addrinfo& address) {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  return getsockname(stream, reinterpret_cast<sockaddr*>(&own), &size) == 0 &&
         size == address.ai_addrlen && std::memcmp(&own, address.ai_addr, size) == 0;
}

static std::string connect_failure(const addrinfo& address) {
  const int stream = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (stream < 0) return std::strerror(errno);
  const timeval longest{.tv_sec = 5, .tv_usec = 0};
  setsockopt(stream, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);  // of connect(), too
  int reason = connect(stream, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
  if (reason == EINPROGRESS) reason = ETIMEDOUT;
  if (reason == 0 && is_own(stream, address)) reason = ECONNREFUSED;
  close(stream);
  return reason == 0 ? "" : std::strerror(reason);
}

std::string resolve_failure(const std::string& host) {
  Addresses addresses(nullptr, freeaddrinfo);
  return resolve(host, 0, addresses);
}

std::string connect_failure(const std::string& host, uint16_t port) {
  Addresses addresses(nullptr, freeaddrinfo);
  std::string failure = resolve(host, port, addresses);
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next)
    if (failure = connect_failure(*address); failure.empty()) break;
  return failure;
}

}  // namespace diffuse
