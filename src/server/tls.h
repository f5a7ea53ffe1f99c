// TLS of the server, by OpenSSL, which stays in tls.cpp.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace llorch {

class ByteStream;

/// A certificate chain and its key, checked. Shared by all connections.
class TlsContext {
 public:
  virtual ~TlsContext() = default;
};

/// Reads PEM files; TLS 1.2 and later. ErrorCode::invalid_argument names the file that cannot be used.
Result<std::shared_ptr<TlsContext>> make_tls_context(const std::string& cert_file, const std::string& key_file);

}  // namespace llorch
