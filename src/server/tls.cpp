// OpenSSL by Asio; tls.h and byte_stream.h say what it promises.
#include "server/tls.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "base/format.h"
#include "server/tls_stream.h"

namespace llorch {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;

class OpensslContext final : public TlsContext {
 public:
  ssl::context ssl{ssl::context::tls_server};
};

class TlsStream final : public ByteStream {
 public:
  TlsStream(Socket socket, ssl::context& context) : stream_(std::move(socket), context) {}

  asio::awaitable<Failure> open() override {
    Failure failure;
    co_await stream_.async_handshake(ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, failure));
    co_return failure;
  }
  /// A peer that leaves without TLS's goodbye has closed too: HTTP's own framing tells what is whole.
  asio::awaitable<std::size_t> read_some(std::span<char> buffer, Failure& failure) override {
    const std::size_t n = co_await stream_.async_read_some(asio::buffer(buffer.data(), buffer.size()),
                                                           asio::redirect_error(asio::use_awaitable, failure));
    if (failure == ssl::error::stream_truncated) {
      failure = asio::error::eof;
    }
    co_return n;
  }
  asio::awaitable<void> write(std::string_view bytes, Failure& failure) override {
    co_await asio::async_write(stream_, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, failure));
  }
  asio::awaitable<void> shutdown_send() override {
    Failure ignored;
    co_await stream_.async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
    stream_.lowest_layer().shutdown(asio::socket_base::shutdown_send, ignored);
  }
  void close() override {
    Failure ignored;
    stream_.lowest_layer().close(ignored);
  }

 private:
  ssl::stream<Socket> stream_;
};

Error unusable(const char* option, const std::string& file, const boost::system::error_code& failure) {
  return errorf(ErrorCode::invalid_argument, "{} {}: {}", option, file, failure.message());
}

}  // namespace

Result<std::shared_ptr<TlsContext>> make_tls_context(const std::string& cert_file, const std::string& key_file) {
  auto context = std::make_shared<OpensslContext>();
  boost::system::error_code failure;
  context->ssl.set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  context->ssl.use_certificate_chain_file(cert_file, failure);
  if (failure) {
    return unusable("--tls-cert", cert_file, failure);
  }
  // An encrypted key would make OpenSSL ask on the terminal.
  context->ssl.set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); },
                                     failure);
  context->ssl.use_private_key_file(key_file, ssl::context::pem, failure);
  if (failure) {
    return errorf(ErrorCode::invalid_argument, "--tls-key {}: {} (an encrypted key cannot be used)", key_file,
                  failure.message());
  }
  return std::shared_ptr<TlsContext>(std::move(context));
}

std::unique_ptr<ByteStream> make_tls_stream(ByteStream::Socket socket, TlsContext& context) {
  return std::make_unique<TlsStream>(std::move(socket), static_cast<OpensslContext&>(context).ssl);
}

}  // namespace llorch
