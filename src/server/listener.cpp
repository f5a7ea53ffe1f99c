// Resolve, bind, listen; listener.h says what it promises.
#include "server/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>
#include <thread>

#include "base/descriptor.h"
#include "base/format.h"

namespace llorch {
namespace {

constexpr int kBacklog = 1024;
constexpr std::string_view kUnixPrefix = "unix:";

Error failed(const std::string& where, const char* why) {
  return errorf(ErrorCode::io, "cannot listen on {}: {}", where, why);
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

Descriptor make_socket(int family) {
  return Descriptor(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// Whether a socket file is left over: it is a socket, and nobody accepts on it.
bool is_stale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) {
    return false;
  }
  const Descriptor probe = make_socket(AF_UNIX);
  const int connected = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return connected != 0 && errno == ECONNREFUSED;
}

/// Another worker holds the lock for a moment only.
bool take_lock(int fd) {
  for (int tries = 0; tries < 100; ++tries) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

Result<Listener> listen_unix(const std::string& path) {
  const std::string where = std::string(kUnixPrefix) + path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return failed(where, "the path of a Unix socket has 1 to 107 bytes");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  // Two workers that start at once must not each take the other's socket for a stale one: the folder is the lock.
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const Descriptor lock(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.get() < 0) {
    return failed(where, std::strerror(errno));
  }
  if (!take_lock(lock.get())) {
    return failed(where, "its folder is locked by another process");
  }
  if (is_stale(path, address)) {
    ::unlink(path.c_str());
  }
  Descriptor fd = make_socket(AF_UNIX);
  const bool listening = fd.get() >= 0 &&
                         ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
                         ::listen(fd.get(), kBacklog) == 0;
  const int error = errno;
  if (!listening) {
    return failed(where, std::strerror(error));
  }
  return Listener{fd.release(), AF_UNIX, where};
}

/// "[::1]", as URIs spell it, is "::1".
std::string without_brackets(const std::string& host) {
  const bool bracketed = host.find(':') != std::string::npos && host.front() == '[' && host.back() == ']';
  return bracketed ? host.substr(1, host.size() - 2) : host;
}

using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

Result<Listener> listen_tcp(const std::string& host, int port, bool tls) {
  const bool bracket = host.find(':') != std::string::npos;  // an IPv6 address in a URI
  const std::string shown = bracket ? "[" + host + "]" : host;
  const std::string where = fmt::format("{}:{}", shown, port);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0) {
    return failed(where, ::gai_strerror(error));
  }
  const Addresses all(found, ::freeaddrinfo);
  int error = 0;
  for (const addrinfo* address = all.get(); address != nullptr; address = address->ai_next) {
    Descriptor fd = make_socket(address->ai_family);
    const int on = 1;
    if (fd.get() >= 0 && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        ::bind(fd.get(), address->ai_addr, address->ai_addrlen) == 0 && ::listen(fd.get(), kBacklog) == 0) {
      const int taken = bound_port(fd.get());
      return Listener{fd.release(), address->ai_family,
                      fmt::format("{}://{}:{}", tls ? "https" : "http", shown, taken)};
    }
    error = error == 0 ? errno : error;  // the first address is the one that was meant
  }
  return failed(where, std::strerror(error));
}

}  // namespace

Result<Listener> listen_on(const std::string& host, int port, bool tls) {
  if (host.starts_with(kUnixPrefix)) {
    return listen_unix(host.substr(kUnixPrefix.size()));
  }
  return listen_tcp(without_brackets(host), port, tls);
}

bool is_wildcard(const std::string& host) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (::getaddrinfo(without_brackets(host).c_str(), nullptr, &hints, &found) != 0) {
    return false;
  }
  const Addresses all(found, ::freeaddrinfo);
  if (found->ai_family == AF_INET) {
    return reinterpret_cast<const sockaddr_in*>(found->ai_addr)->sin_addr.s_addr == htonl(INADDR_ANY);
  }
  const in6_addr& address = reinterpret_cast<const sockaddr_in6*>(found->ai_addr)->sin6_addr;
  return IN6_IS_ADDR_UNSPECIFIED(&address) || (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr32[3] == 0);
}

void remove_socket_file(const std::string& host) {
  if (host.starts_with(kUnixPrefix)) {
    ::unlink(host.substr(kUnixPrefix.size()).c_str());
  }
}

}  // namespace llorch
