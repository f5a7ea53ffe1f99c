// A listening TCP socket, made with POSIX calls so that errors name the address and the reason.
#pragma once

#include <string>

#include "base/result.h"

namespace llorch {

struct Listener {
  int fd = -1;     // listening, non-blocking; the caller closes it
  int family = 0;  // AF_INET or AF_INET6
  std::string uri;
};

/// `host`: an address or a name of this machine. Port 0 takes a free one, which the URI names.
Result<Listener> listen_tcp(const std::string& host, int port);

}  // namespace llorch
