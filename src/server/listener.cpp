// Resolve, bind, listen; listener.h says what it promises.
#include "server/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/format.h"

namespace llorch {
namespace {

constexpr int kBacklog = 256;

Error failed(const std::string& host, int port, const char* why) {
  return errorf(ErrorCode::io, "cannot listen on {}:{}: {}", host, port, why);
}

/// The port that the kernel chose, or the one that was asked for.
int bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return 0;
  }
  const bool v6 = address.ss_family == AF_INET6;
  return ntohs(v6 ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                  : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

}  // namespace

Result<Listener> listen_tcp(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0) {
    return failed(host, port, ::gai_strerror(error));
  }
  const int family = found->ai_family;
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  const bool listening = fd >= 0 && ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                         ::bind(fd, found->ai_addr, found->ai_addrlen) == 0 && ::listen(fd, kBacklog) == 0;
  const int error = errno;
  ::freeaddrinfo(found);
  if (!listening) {
    if (fd >= 0) {
      ::close(fd);
    }
    return failed(host, port, std::strerror(error));
  }
  const bool bracket = host.find(':') != std::string::npos;  // an IPv6 address in a URI
  const std::string shown = bracket ? "[" + host + "]" : host;
  return Listener{fd, family, fmt::format("http://{}:{}", shown, bound_port(fd))};
}

}  // namespace llorch
