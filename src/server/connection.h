// Connection: one client, as two coroutines on the server's thread. One reads what the client sends, all the time, so
// that a client who goes away is noticed at once; the other takes requests out of that, has them answered, and sends.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "server/byte_stream.h"
#include "server/http.h"
#include "server/request_parser.h"
#include "server/response.h"

namespace llorch {

class Connection;

/// What the connections share; outlives them. Touched on the server's thread alone.
struct ConnectionGroup {
  HttpOptions options;
  HttpServer::Gate gate;
  HttpServer::Handler handler;
  std::set<Connection*> connections;
  bool stopping = false;
  std::function<void()> all_closed;  // called while stopping, when the last connection has ended
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Phase : std::uint8_t { idle, receiving, answering, leaving };  // leaving: what still comes is thrown away

  Connection(ConnectionGroup& group, std::unique_ptr<ByteStream> stream, boost::asio::any_io_executor executor);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Spawns the coroutines, which own the connection from here on.
  void start();
  /// The same for a client for whom there is no room: it gets this answer.
  void turn_away(Refusal refusal);
  /// The server stops: closes, unless an answer is under way, after which it closes by itself.
  void stop();
  /// Ends everything under way; the client sees the connection break.
  void close();
  Phase phase() const { return phase_; }
  /// When the phase began.
  Clock::time_point since() const { return since_; }

 private:
  boost::asio::awaitable<void> read();
  bool keep(std::string_view bytes);
  boost::asio::awaitable<void> serve(std::optional<Refusal> turned_away);
  boost::asio::awaitable<void> converse(const std::optional<Refusal>& turned_away);
  boost::asio::awaitable<std::optional<HttpRequest>> read_request();
  boost::asio::awaitable<bool> answer(HttpRequest request);
  boost::asio::awaitable<bool> pass_gate(const RequestParser& parser, bool whole);
  boost::asio::awaitable<void> refuse(const Refusal& refusal);
  boost::asio::awaitable<void> send_whole(Writer& writer);
  boost::asio::awaitable<bool> send(std::string bytes);
  boost::asio::awaitable<void> say_goodbye();
  boost::asio::awaitable<bool> wait(Clock::time_point until);
  std::shared_ptr<Writer> make_writer();
  void enter(Phase phase);
  void close_after(std::chrono::milliseconds time);
  void on_writer();

  ConnectionGroup* group_;
  std::unique_ptr<ByteStream> stream_;
  boost::asio::any_io_executor executor_;
  boost::asio::steady_timer wake_;      // cancelled to wake serve()
  boost::asio::steady_timer room_;      // cancelled to wake read()
  boost::asio::steady_timer deadline_;  // closes the connection
  std::string input_;                   // received and not parsed yet
  std::shared_ptr<Writer> writer_;      // of the answer under way
  Framing framing_;
  Phase phase_ = Phase::idle;
  Clock::time_point since_ = Clock::now();
  bool fresh_ = false;   // input_ has grown since serve() looked
  bool eof_ = false;     // the client has closed its sending side
  bool broken_ = false;  // nothing can be sent any more
  bool again_ = false;   // a request was refused at the gate, and another may follow
};

}  // namespace llorch
