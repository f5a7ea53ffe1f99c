// Sequence: one request on its way: its tokens, its KV blocks, its text. Belongs to the engine.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/request.h"
#include "engine/stop_text.h"
#include "tokenizer/tokenizer.h"

namespace llorch {

class Sequence {
 public:
  using Clock = std::chrono::steady_clock;

  /// `max_tokens`: resolved, at least 1. `context`: tokens it may hold.
  Sequence(Request request, std::shared_ptr<Sink> sink, const Tokenizer& tokenizer, int max_tokens, int context);

  const std::string& id() const { return request_.id; }
  /// Prompt and output.
  const std::vector<std::int32_t>& tokens() const { return tokens_; }
  int n_tokens() const { return static_cast<int>(tokens_.size()); }
  int tokens_out() const { return n_tokens() - static_cast<int>(request_.prompt.size()); }
  /// Tokens that it may come to hold in the KV cache.
  int max_kv_tokens() const;
  /// How the next token is drawn.
  SampleSpec sample_spec() const;

  void admitted();
  /// A batch with tokens of this sequence has run.
  void stepped(const StepReport& step) { sink_->on_step(step); }
  /// Takes a drawn token, tells the sink, and says whether the sequence has ended (the sink was told that as well).
  bool commit(std::int32_t token);
  void fail(const Error& error);

  int n_stored = 0;  // tokens whose k and v are in the cache
  /// [n_kv_groups] KV blocks: position p is in number p / kKvBlock, counted round.
  std::vector<std::vector<std::int32_t>> blocks;

 private:
  void emit(const StopText::Piece& piece);
  void end(StopReason reason);

  Request request_;
  std::shared_ptr<Sink> sink_;
  const Tokenizer* tokenizer_;
  int max_tokens_;
  int context_;
  std::vector<std::int32_t> tokens_;
  StreamDecoder decoder_;
  StopText text_;
  Clock::time_point added_;
  Clock::time_point admitted_ = added_;
  std::optional<Clock::time_point> first_token_;
};

}  // namespace llorch
