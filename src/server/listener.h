// A listening socket, made with POSIX calls so that errors name the address and the reason.
#pragma once

#include <string>

#include "base/result.h"

namespace llorch {

struct Listener {
  int fd = -1;     // listening, non-blocking; the caller closes it
  int family = 0;  // AF_INET, AF_INET6 or AF_UNIX
  std::string uri;
};

/// `host`: an address or a name of this machine, or "unix:PATH" (the port is then unused). Port 0 takes a free one,
/// which the URI names; `tls` makes it https. ErrorCode::io when the address is taken; a socket file that nobody
/// listens on any more (its worker was killed) is replaced.
Result<Listener> listen_on(const std::string& host, int port, bool tls);

/// Whether a numeric host, however it is spelt ("0", "::ffff:0.0.0.0"), is every address of the machine. Names are not
/// looked up: that may take seconds.
bool is_wildcard(const std::string& host);

/// Removes the socket file of "unix:PATH"; nothing for other hosts. Call it while the socket still listens: as long as
/// it does, no other worker takes the path.
void remove_socket_file(const std::string& host);

}  // namespace llorch
