// The loop commands -> step -> stats; engine_thread.h says what it promises.
#include "server/engine_thread.h"

#include <pthread.h>

#include <utility>

namespace llorch {

/// Passes events on, and notes when the request has ended.
class EngineThread::Tracked final : public Sink {
 public:
  Tracked(EngineThread& owner, std::string job_id, std::shared_ptr<Sink> sink)
      : owner_(&owner), job_id_(std::move(job_id)), sink_(std::move(sink)) {}
  void on_start() override { sink_->on_start(); }
  void on_token(std::int32_t id, int index) override { sink_->on_token(id, index); }
  void on_text(const std::string& text, int index) override { sink_->on_text(text, index); }
  // The job id is free before the client can know of the end.
  void on_end(const EndEvent& end) override {
    owner_->ended(job_id_);
    sink_->on_end(end);
  }
  void on_error(const Error& error) override {
    owner_->ended(job_id_);
    sink_->on_error(error);
  }

 private:
  EngineThread* owner_;
  std::string job_id_;
  std::shared_ptr<Sink> sink_;
};

EngineThread::EngineThread(std::unique_ptr<Engine> engine)
    : engine_(std::move(engine)), stats_(engine_->stats()), thread_([this] { run(); }) {}

EngineThread::~EngineThread() {
  drain(std::chrono::milliseconds(0));
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

EngineThread::Refused EngineThread::add(Request request, std::shared_ptr<Sink> sink,
                                        std::function<void(const Status&)> added, Ticket& ticket) {
  {
    const std::lock_guard lock(mutex_);
    if (draining_) {
      return Refused::draining;
    }
    if (!in_flight_.try_emplace(request.id, last_ticket_ + 1).second) {
      return Refused::in_flight;
    }
    ticket = ++last_ticket_;
    auto tracked = std::make_shared<Tracked>(*this, request.id, std::move(sink));
    request.id = engine_id(ticket);
    commands_.push_back({ticket, std::move(tracked), std::move(request), std::move(added), {}});
  }
  wake_.notify_one();
  return Refused::no;
}

void EngineThread::cancel(Ticket ticket, Error why) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back({.ticket = ticket, .why = std::move(why)});
  }
  wake_.notify_one();
}

EngineStats EngineThread::stats() const {
  const std::lock_guard lock(mutex_);
  EngineStats stats = stats_;
  for (const Command& command : commands_) {
    stats.waiting += command.sink != nullptr ? 1 : 0;
  }
  return stats;
}

void EngineThread::drain(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  const auto is_idle = [this] { return in_flight_.empty(); };
  if (idle_.wait_for(lock, patience, is_idle)) {
    return;
  }
  for (const auto& [job_id, ticket] : in_flight_) {
    commands_.push_back({.ticket = ticket, .why = {ErrorCode::cancelled, "the worker is shutting down"}});
  }
  wake_.notify_one();
  idle_.wait(lock, is_idle);
}

void EngineThread::ended(const std::string& job_id) {
  const std::lock_guard lock(mutex_);
  in_flight_.erase(job_id);
  if (in_flight_.empty()) {
    idle_.notify_all();
  }
}

void EngineThread::execute(Command& command) {
  if (command.sink == nullptr) {
    engine_->cancel(engine_id(command.ticket), std::move(command.why));
    return;
  }
  const std::shared_ptr<Sink> sink = command.sink;
  const Status status = engine_->add(std::move(command.request), sink);
  command.added(status);
  if (!status.ok()) {
    const std::lock_guard lock(mutex_);
    std::erase_if(in_flight_, [&command](const auto& entry) { return entry.second == command.ticket; });
    idle_.notify_all();
  }
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
        return;
      }
      std::swap(commands, commands_);
    }
    for (Command& command : commands) {
      execute(command);
    }
    commands.clear();
    busy = engine_->step();
  }
}

}  // namespace llorch
