// StreamDecoder: bytes of tokens -> whole characters, as they complete.
#include "base/utf8.h"
#include "tokenizer/tokenizer.h"

namespace llorch {

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool first, bool skip_special)
    : tokenizer_(&tokenizer), first_(first), skip_special_(skip_special) {}

std::string StreamDecoder::push(std::int32_t id) {
  const std::string inside = tokenizer_->stream_piece(id, false, skip_special_);
  pending_ += first_ ? tokenizer_->stream_piece(id, true, skip_special_) : inside;
  // A hidden token does not begin the text; one that only gave its leading space does.
  first_ = first_ && inside.empty();
  return take_utf8(pending_);
}

std::string StreamDecoder::finish() {
  std::string rest = repair_utf8(pending_);
  pending_.clear();
  return rest;
}

}  // namespace llorch
