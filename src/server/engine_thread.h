// EngineThread: the one thread that drives the engine. Fronts hand it requests and cancellations from any thread; a
// request's events leave it through the request's own sink.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine.h"

namespace llorch {

class EngineThread {
 public:
  /// `engine` is touched by the new thread alone from here on.
  explicit EngineThread(std::unique_ptr<Engine> engine);
  /// Cancels what is left and joins.
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  /// Names one request for good, even after another with the same job id came.
  using Ticket = std::uint64_t;
  enum class Refused : std::uint8_t { no, in_flight, draining };
  /// Queues a request under its job id (request.id), unless it is refused. `added` is called on the engine's thread
  /// before any event: with an error when the engine does not take it, and then no event follows.
  Refused add(Request request, std::shared_ptr<Sink> sink, std::function<void(const Status&)> added, Ticket& ticket);
  /// Ends a request with `why`; nothing happens when it has ended already.
  void cancel(Ticket ticket, Error why);
  /// As of the last step; requests that the engine has not seen yet count as waiting.
  EngineStats stats() const;
  /// Takes no more requests, waits until all have ended, and cancels what is left after `patience`.
  void drain(std::chrono::milliseconds patience);

 private:
  class Tracked;
  struct Command {
    Ticket ticket = 0;
    std::shared_ptr<Sink> sink;  // null: cancel
    Request request;
    std::function<void(const Status&)> added;
    Error why;
  };

  void run();
  void execute(Command& command);
  void ended(const std::string& job_id);
  static std::string engine_id(Ticket ticket) { return std::to_string(ticket); }

  std::unique_ptr<Engine> engine_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::vector<Command> commands_;
  std::map<std::string, Ticket> in_flight_;  // by job id
  EngineStats stats_;
  Ticket last_ticket_ = 0;
  bool draining_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace llorch
