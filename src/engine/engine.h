// Engine: step() = schedule, run, sample, commit, emit. Owns the sequences and the KV blocks; drives one backend.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "backend/backend.h"
#include "backend/kv_layout.h"
#include "base/result.h"
#include "engine/request.h"
#include "tokenizer/tokenizer.h"

namespace llorch {

struct EngineOptions {
  int context = 0;        // tokens a sequence may hold
  int max_sequences = 8;  // running at once; more wait in the order of their arrival
};

struct EngineStats {
  int running = 0;
  int waiting = 0;
  int kv_blocks_used = 0;  // of all KV groups
  int kv_blocks_total = 0;
  std::uint64_t tokens_generated = 0;
  std::uint64_t steps = 0;
};

/// One thread calls an engine; sinks are called on it, from within step(), add() and cancel().
class Engine {
 public:
  /// `backend` is loaded already, with the blocks of `kv`, whose chunk is also the prompt tokens of one step; both must
  /// outlive the engine.
  Engine(Backend& backend, const Tokenizer& tokenizer, int vocab, const KvLayout& kv, const EngineOptions& options);
  ~Engine();

  /// Queues a request. Refused (and the sink not called): an empty prompt, ids outside the vocabulary, a prompt longer
  /// than the context (both lengths named), an id in flight.
  Status add(Request request, std::shared_ptr<Sink> sink);
  /// Ends a request with ErrorCode::cancelled; false when the id is unknown.
  bool cancel(const std::string& id, Error why = {ErrorCode::cancelled, "cancelled"});
  /// Ends all requests with `why`.
  void cancel_all(const Error& why);
  /// Starts waiting requests as far as there is room; step() does so too.
  void admit();
  /// Runs one batch. False when there was nothing to do.
  bool step();
  EngineStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llorch
