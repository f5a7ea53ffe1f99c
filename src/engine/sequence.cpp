#include "engine/sequence.h"

#include <algorithm>
#include <utility>

namespace llorch {
namespace {

double ms_between(Sequence::Clock::time_point from, Sequence::Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

std::string_view to_string(StopReason reason) {
  static constexpr std::string_view kNames[] = {"MAX_TOKENS", "EOS", "STOP_SEQUENCE", "CONTEXT"};
  return kNames[static_cast<std::size_t>(reason)];
}

Sequence::Sequence(Request request, std::shared_ptr<Sink> sink, const Tokenizer& tokenizer, int max_tokens, int context)
    : request_(std::move(request)),
      sink_(std::move(sink)),
      tokenizer_(&tokenizer),
      max_tokens_(max_tokens),
      context_(context),
      tokens_(request_.prompt),
      decoder_(tokenizer, !request_.continues_text),
      text_(request_.stop),
      added_(request_.arrived.value_or(Clock::now())) {}

int Sequence::max_kv_tokens() const {
  // The last token drawn is never run.
  return std::min(context_, static_cast<int>(request_.prompt.size()) + max_tokens_) - 1;
}

SampleSpec Sequence::sample_spec() const {
  return {.params = request_.sampling, .position = static_cast<std::uint32_t>(n_tokens()), .history = tokens_};
}

void Sequence::admitted() {
  admitted_ = Clock::now();
  sink_->on_start();
}

bool Sequence::commit(std::int32_t token) {
  first_token_ = first_token_.value_or(Clock::now());
  const auto ends = tokenizer_->end_ids();
  if (!request_.ignore_eos && std::binary_search(ends.begin(), ends.end(), token)) {
    end(StopReason::eos);
    return true;
  }
  const int index = tokens_out();
  tokens_.push_back(token);
  sink_->on_token(token, index);
  emit(text_.push(decoder_.push(token), index));
  if (text_.matched()) {
    end(StopReason::stop_sequence);
  } else if (tokens_out() >= max_tokens_) {
    end(StopReason::max_tokens);
  } else if (n_tokens() >= context_) {
    end(StopReason::context);
  } else {
    return false;
  }
  return true;
}

void Sequence::fail(const Error& error) {
  sink_->on_error(error);
}

void Sequence::emit(const StopText::Piece& piece) {
  if (!piece.text.empty()) {
    sink_->on_text(piece.text, piece.index);
  }
}

void Sequence::end(StopReason reason) {
  if (reason != StopReason::stop_sequence) {
    // What waited for the rest of a character, or of a stop sequence, will not get it.
    emit(text_.push(decoder_.finish(), tokens_out() - 1));
    reason = text_.matched() ? StopReason::stop_sequence : reason;
  }
  if (reason != StopReason::stop_sequence) {
    emit(text_.finish());
  }
  EndEvent event{.tokens_out = tokens_out(), .reason = reason, .stop_sequence = text_.matched().value_or("")};
  const auto now = Clock::now();
  Timings& t = event.timings;
  t.queue_ms = ms_between(added_, admitted_);
  t.prefill_ms = ms_between(admitted_, *first_token_);
  t.ttft_ms = ms_between(added_, *first_token_);
  t.decode_ms = ms_between(*first_token_, now);
  t.prompt_tokens = static_cast<int>(request_.prompt.size());
  t.tokens_per_sec = t.decode_ms > 0 ? (event.tokens_out - 1) * 1000.0 / t.decode_ms : 0;
  t.tokens_per_sec = std::max(0.0, t.tokens_per_sec);
  sink_->on_end(event);
}

}  // namespace llorch
