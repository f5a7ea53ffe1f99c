// ByteStream: the two ways in which a connection's bytes travel, plain (TCP, Unix socket) and TLS, behind one face.
// Used by the server's thread alone.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace llorch {

class ByteStream {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using Failure = boost::system::error_code;

  virtual ~ByteStream() = default;
  /// What must come before the first byte: nothing, or TLS's handshake.
  virtual boost::asio::awaitable<Failure> open() = 0;
  /// Waits for some bytes; asio::error::eof when the peer has closed its sending side. One read and one write may be
  /// under way at a time.
  virtual boost::asio::awaitable<std::size_t> read_some(std::span<char> buffer, Failure& failure) = 0;
  /// Sends all of `bytes`, which must live until then.
  virtual boost::asio::awaitable<void> write(std::string_view bytes, Failure& failure) = 0;
  /// Says that no more will be sent; what was sent still arrives. TLS waits for the peer's goodbye: bound it by
  /// close().
  virtual boost::asio::awaitable<void> shutdown_send() = 0;
  /// Ends reads and writes under way with an error.
  virtual void close() = 0;
};

std::unique_ptr<ByteStream> make_plain_stream(ByteStream::Socket socket);

}  // namespace llorch
