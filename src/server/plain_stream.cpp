// Bytes as they are; byte_stream.h says what it promises.
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "server/byte_stream.h"

namespace llorch {
namespace {

namespace asio = boost::asio;

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(Socket socket) : socket_(std::move(socket)) {}

  asio::awaitable<Failure> open() override { co_return Failure(); }
  asio::awaitable<std::size_t> read_some(std::span<char> buffer, Failure& failure) override {
    co_return co_await socket_.async_read_some(asio::buffer(buffer.data(), buffer.size()),
                                               asio::redirect_error(asio::use_awaitable, failure));
  }
  asio::awaitable<void> write(std::string_view bytes, Failure& failure) override {
    co_await asio::async_write(socket_, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, failure));
  }
  asio::awaitable<void> shutdown_send() override {
    Failure ignored;
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
    co_return;
  }
  void close() override {
    Failure ignored;
    socket_.close(ignored);
  }

 private:
  Socket socket_;
};

}  // namespace

std::unique_ptr<ByteStream> make_plain_stream(ByteStream::Socket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

}  // namespace llorch
