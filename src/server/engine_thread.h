// EngineThread: the one thread that drives the engine. Fronts hand it requests and cancellations from any thread; a
// request's events leave it through the request's own sink.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/engine.h"

namespace llorch {

class EngineThread {
 public:
  using Clock = std::chrono::steady_clock;
  /// Names one request for good.
  using Ticket = std::uint64_t;

  /// `engine` is touched by the new thread alone from here on.
  explicit EngineThread(std::unique_ptr<Engine> engine);
  /// Joins when the step under way has ended; what is in flight gets no event any more.
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  /// Queues a request (its id is not used). What the engine refuses is told to the sink, as an error.
  Ticket add(Request request, std::shared_ptr<Sink> sink);
  /// Ends a request with `why`; nothing happens when it has ended already.
  void cancel(Ticket ticket, Error why);
  /// As of the last step; requests that the engine has not seen yet count as waiting. Never waits for a step.
  EngineStats stats() const;
  /// How long the step under way has taken; 0 between steps: the heartbeat.
  std::chrono::milliseconds step_age() const;
  /// Takes no more steps; false when the one under way has not ended within `patience`.
  bool stop(std::chrono::milliseconds patience);

 private:
  struct Command {
    Ticket ticket = 0;
    std::shared_ptr<Sink> sink;  // null: cancel
    Request request;
    Error why;
  };

  void run();
  void execute(Command& command);
  bool work(std::vector<Command>& commands);
  void post(Command command);

  std::unique_ptr<Engine> engine_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable stopped_changed_;
  std::vector<Command> commands_;
  EngineStats stats_;
  Ticket last_ticket_ = 0;
  bool stop_ = false;
  bool stopped_ = false;
  std::atomic<Clock::rep> step_began_{0};  // 0: no step is under way
  std::thread thread_;
};

}  // namespace llorch
