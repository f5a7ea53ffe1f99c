// Reading, waiting and sending; connection.h says what it promises.
#include "server/connection.h"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "server/events.h"

namespace llorch {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kReadBytes = 8 << 10;
constexpr std::size_t kMaxReadAhead = 64 << 10;  // of a client that sends requests before it read the answers
constexpr std::chrono::milliseconds kLinger{2'000};
constexpr auto kForever = Connection::Clock::time_point::max();

}  // namespace

Connection::Connection(ConnectionGroup& group, std::unique_ptr<ByteStream> stream, asio::any_io_executor executor)
    : group_(&group),
      stream_(std::move(stream)),
      executor_(std::move(executor)),
      wake_(executor_),
      room_(executor_),
      deadline_(executor_) {
  group_->connections.insert(this);
}

Connection::~Connection() {
  if (writer_) {
    writer_->client_gone();
    writer_->detach();
  }
  group_->connections.erase(this);
  if (group_->stopping && group_->connections.empty() && group_->all_closed) {
    group_->all_closed();
  }
}

void Connection::start() {
  asio::co_spawn(
      executor_, [self = shared_from_this()] { return self->serve(std::nullopt); }, asio::detached);
}

void Connection::turn_away(Refusal refusal) {
  enter(Phase::leaving);
  const auto run = [self = shared_from_this(), refusal = std::move(refusal)] { return self->serve(refusal); };
  asio::co_spawn(executor_, run, asio::detached);
}

void Connection::stop() {
  if (phase_ != Phase::answering) {
    close();
  }
}

void Connection::close() {
  broken_ = true;
  stream_->close();
  deadline_.cancel();
  wake_.cancel();
  room_.cancel();
}

void Connection::enter(Phase phase) {
  phase_ = phase;
  since_ = Clock::now();
}

void Connection::close_after(std::chrono::milliseconds time) {
  deadline_.expires_after(time);
  deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled) {
    const auto self = weak.lock();
    if (!cancelled && self && Clock::now() >= self->deadline_.expiry()) {
      self->close();
    }
  });
}

/// Sleeps until woken; false when the time was over before that. May wake without a reason.
asio::awaitable<bool> Connection::wait(Clock::time_point until) {
  boost::system::error_code woken;
  wake_.expires_at(until);
  co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  co_return woken.failed();
}

asio::awaitable<bool> Connection::send(std::string bytes) {
  ByteStream::Failure failure;
  close_after(group_->options.write_timeout);
  co_await stream_->write(bytes, failure);
  deadline_.cancel();
  broken_ = broken_ || failure;
  co_return !broken_;
}

/// False when there is no memory for it.
bool Connection::keep(std::string_view bytes) try {
  input_.append(bytes);
  fresh_ = fresh_ || !bytes.empty();
  return true;
} catch (const std::exception&) {
  return false;
}

/// Reads as long as the client sends. The end of its stream is told to whoever answers it: it has gone, or says that it
/// will not ask for more (which cannot be told apart until something is sent).
asio::awaitable<void> Connection::read() {
  const std::size_t limit = std::max(kMaxReadAhead, group_->options.max_header_bytes + kReadBytes);
  std::array<char, kReadBytes> buffer;
  while (!eof_ && !broken_) {
    if (input_.size() >= limit && phase_ != Phase::leaving) {
      boost::system::error_code ignored;
      room_.expires_at(kForever);
      co_await room_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      continue;
    }
    ByteStream::Failure failure;
    const std::size_t n = co_await stream_->read_some(buffer, failure);
    if (phase_ != Phase::leaving && !keep(std::string_view(buffer.data(), n))) {
      close();
      co_return;
    }
    if (failure) {
      (failure == asio::error::eof ? eof_ : broken_) = true;
      if (writer_) {
        broken_ ? writer_->client_gone() : writer_->client_left();
      }
    }
    wake_.cancel();
  }
}

/// The next request; nothing when the connection is to be closed (a refusal was sent by then).
asio::awaitable<std::optional<HttpRequest>> Connection::read_request() {
  const HttpOptions& options = group_->options;
  RequestParser parser(options.max_header_bytes, options.max_body_bytes);
  enter(Phase::idle);
  auto until = Clock::now() + options.idle_timeout;
  bool in_body = false;  // the header is whole, and was let through the gate
  fresh_ = !input_.empty();
  for (;;) {
    if (std::exchange(fresh_, false)) {
      const RequestParser::State state = parser.feed(input_);
      room_.cancel();
      if (phase_ == Phase::idle && parser.begun()) {
        enter(Phase::receiving);
        until = Clock::now() + options.header_timeout;
      }
      if (state == RequestParser::State::refused) {
        co_await refuse(parser.refusal());
        co_return std::nullopt;
      }
      const bool whole = state == RequestParser::State::done;
      if (parser.header_done() && !in_body) {
        if (!co_await pass_gate(parser, whole)) {
          co_return std::nullopt;
        }
        in_body = true;
        until = Clock::now() + options.body_timeout;
      }
      if (whole) {
        framing_ = parser.framing();
        framing_.keep_alive = framing_.keep_alive && !group_->stopping;
        co_return parser.release();
      }
      if (parser.take_continue()) {
        std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        if (!co_await send(std::move(go_on))) {
          co_return std::nullopt;
        }
      }
      continue;
    }
    if (eof_ || broken_) {
      co_return std::nullopt;
    }
    if (!co_await wait(until) && !fresh_) {
      if (phase_ == Phase::receiving) {
        // A name for it: g++ 12 destroys a braced temporary within co_await twice.
        const Refusal late{408, in_body ? "the body did not arrive in time" : "the header did not arrive in time"};
        co_await refuse(late);
      }
      co_return std::nullopt;
    }
  }
}

std::shared_ptr<Writer> Connection::make_writer() {
  // The writer may outlive this object; it calls its `wake` until it is detached.
  const auto wake = [executor = executor_, weak = weak_from_this()] {
    asio::post(executor, [weak] {
      if (const auto self = weak.lock()) {
        self->on_writer();
      }
    });
  };
  return std::make_shared<Writer>(framing_, group_->options.max_pending_bytes, wake);
}

void Connection::on_writer() {
  if (writer_ && writer_->overflowed()) {
    close();
  }
  wake_.cancel();
}

/// Has the request answered, and sends the answer as it comes; true when the connection may go on.
asio::awaitable<bool> Connection::answer(HttpRequest request) {
  enter(Phase::answering);
  const auto writer = writer_ = make_writer();
  if (eof_) {
    writer->client_left();
  }
  try {
    group_->handler(std::move(request), {writer.get(), [writer](ResponseWriter*) { writer->abandon(); }});
  } catch (const std::exception&) {  // out of memory: what was dropped unanswered answers 500
  }
  bool whole = false;
  while (!broken_ && !whole) {
    std::string bytes;
    const Writer::Next next = writer->take(bytes);
    if (next == Writer::Next::drop || (next == Writer::Next::send && !co_await send(std::move(bytes)))) {
      break;
    }
    if (next == Writer::Next::wait) {
      co_await wait(kForever);
    }
    whole = next == Writer::Next::done;
  }
  writer_.reset();
  writer->client_gone();
  writer->detach();
  co_return whole && writer->keep_alive();
}

/// Sends an answer that is complete.
asio::awaitable<void> Connection::send_whole(Writer& writer) {
  std::string bytes;
  if (writer.take(bytes) == Writer::Next::send) {
    co_await send(std::move(bytes));
  }
}

/// Whether the body of this request is wanted; if not, its answer was sent. The connection may go on where the request
/// has come as a whole.
asio::awaitable<bool> Connection::pass_gate(const RequestParser& parser, bool whole) {
  Framing framing = parser.framing();
  framing.keep_alive = framing.keep_alive && whole && !group_->stopping;
  Writer writer(framing, group_->options.max_pending_bytes, nullptr);
  if (!group_->gate || group_->gate(parser.head(), writer)) {
    co_return true;
  }
  co_await send_whole(writer);
  again_ = framing.keep_alive;
  co_return false;
}

/// Answers what is no request.
asio::awaitable<void> Connection::refuse(const Refusal& refusal) {
  const bool retriable = refusal.status == 408 || refusal.status == 503;
  Writer writer({.keep_alive = false}, group_->options.max_pending_bytes, nullptr);
  HttpHeaders headers;
  if (refusal.status == 503) {
    headers.emplace_back("Retry-After", "1");
  }
  respond_error(writer, refusal.status, {"INVALID_REQUEST", refusal.message, retriable}, std::move(headers));
  co_await send_whole(writer);
}

/// Ends what we send, then waits a little for the client to stop sending: closing at once would reset the connection
/// before the answer is read.
asio::awaitable<void> Connection::say_goodbye() {
  enter(Phase::leaving);
  input_.clear();
  room_.cancel();
  if (broken_ || group_->stopping) {
    co_return;
  }
  close_after(kLinger);
  co_await stream_->shutdown_send();
  while (!eof_ && !broken_) {
    co_await wait(kForever);
  }
}

asio::awaitable<void> Connection::converse(const std::optional<Refusal>& turned_away) {
  close_after(group_->options.header_timeout);
  const ByteStream::Failure failure = co_await stream_->open();
  deadline_.cancel();
  broken_ = broken_ || failure;
  if (broken_) {
    co_return;
  }
  asio::co_spawn(
      executor_, [self = shared_from_this()] { return self->read(); }, asio::detached);
  if (turned_away) {
    co_await refuse(*turned_away);
  }
  for (bool go_on = !turned_away; go_on && !group_->stopping;) {
    std::optional<HttpRequest> request = co_await read_request();
    if (request) {
      go_on = co_await answer(std::move(*request));
    } else {
      go_on = std::exchange(again_, false) && !broken_;
    }
  }
  co_await say_goodbye();
}

asio::awaitable<void> Connection::serve(std::optional<Refusal> turned_away) {
  try {
    co_await converse(turned_away);
  } catch (const std::exception&) {  // out of memory: the client sees its connection break
  }
  close();
}

}  // namespace llorch
