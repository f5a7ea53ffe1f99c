// The loop commands -> step -> stats; engine_thread.h says what it promises.
#include "server/engine_thread.h"

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

namespace llorch {

EngineThread::EngineThread(std::unique_ptr<Engine> engine)
    : engine_(std::move(engine)), stats_(engine_->stats()), thread_([this] { run(); }) {}

EngineThread::~EngineThread() {
  stop(std::chrono::milliseconds(0));
  thread_.join();
}

void EngineThread::post(Command command) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
  }
  wake_.notify_one();
}

EngineThread::Ticket EngineThread::add(Request request, std::shared_ptr<Sink> sink) {
  Ticket ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    ticket = ++last_ticket_;
  }
  request.id = std::to_string(ticket);
  post({.ticket = ticket, .sink = std::move(sink), .request = std::move(request), .why = {}});
  return ticket;
}

void EngineThread::cancel(Ticket ticket, Error why) {
  post({.ticket = ticket, .sink = nullptr, .request = {}, .why = std::move(why)});
}

EngineStats EngineThread::stats() const {
  const std::lock_guard lock(mutex_);
  EngineStats stats = stats_;
  for (const Command& command : commands_) {
    stats.waiting += command.sink != nullptr ? 1 : 0;
  }
  return stats;
}

std::chrono::milliseconds EngineThread::step_age() const {
  const Clock::rep began = step_began_;
  if (began == 0) {
    return std::chrono::milliseconds(0);
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() -
                                                               Clock::time_point(Clock::duration(began)));
}

bool EngineThread::stop(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  stop_ = true;
  wake_.notify_one();
  return stopped_changed_.wait_for(lock, patience, [this] { return stopped_; });
}

void EngineThread::execute(Command& command) {
  if (command.sink == nullptr) {
    engine_->cancel(std::to_string(command.ticket), std::move(command.why));
    return;
  }
  const std::shared_ptr<Sink> sink = std::move(command.sink);
  if (const Status status = engine_->add(std::move(command.request), sink); !status.ok()) {
    sink->on_error(status.error());
  }
}

/// True when there may be more to do.
bool EngineThread::work(std::vector<Command>& commands) try {
  for (Command& command : commands) {
    execute(command);
  }
  engine_->admit();
  {
    const std::lock_guard lock(mutex_);
    stats_ = engine_->stats();  // as they are during the step
  }
  return engine_->step();
} catch (const std::exception& e) {  // the host has no memory left
  try {
    engine_->cancel_all({ErrorCode::internal, std::string("the engine failed: ") + e.what()});
  } catch (const std::exception&) {  // nor for that; the jobs end by their time-outs
  }
  return false;
}

void EngineThread::run() {
  ::pthread_setname_np(::pthread_self(), "llorch-engine");
  bool busy = false;
  std::vector<Command> commands;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      stats_ = engine_->stats();
      wake_.wait(lock, [&] { return busy || stop_ || !commands_.empty(); });
      if (stop_) {
        stopped_ = true;
        stopped_changed_.notify_all();
        return;
      }
      std::swap(commands, commands_);
      stats_.waiting += static_cast<int>(
          std::count_if(commands.begin(), commands.end(), [](const Command& c) { return c.sink != nullptr; }));
    }
    step_began_ = Clock::now().time_since_epoch().count();
    busy = work(commands);
    commands.clear();
    step_began_ = 0;
  }
}

}  // namespace llorch
