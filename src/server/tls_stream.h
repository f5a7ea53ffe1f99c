// The TLS kind of ByteStream.
#pragma once

#include <memory>

#include "server/byte_stream.h"
#include "server/tls.h"

namespace llorch {

/// `context` outlives the stream.
std::unique_ptr<ByteStream> make_tls_stream(ByteStream::Socket socket, TlsContext& context);

}  // namespace llorch
