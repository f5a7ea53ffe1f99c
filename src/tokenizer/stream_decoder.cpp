// StreamDecoder: ids -> texts of tokens -> DecodeStream.
#include "base/utf8.h"
#include "tokenizer/tokenizer.h"

namespace llorch {
namespace {

/// For tokenizers whose tokens do not depend on each other: the pieces, in whole characters.
class PieceStream : public TextStream {
 public:
  PieceStream(const Tokenizer& tokenizer, bool first, bool skip_special)
      : tokenizer_(tokenizer), first_(first), skip_special_(skip_special) {}
  std::string push(std::int32_t id) override {
    const std::string inside = tokenizer_.stream_piece(id, false, skip_special_);
    pending_ += first_ ? tokenizer_.stream_piece(id, true, skip_special_) : inside;
    first_ = first_ && inside.empty();  // a hidden token does not begin the text
    return take_utf8(pending_);
  }
  std::string finish() override { return repair_utf8(std::exchange(pending_, {})); }

 private:
  const Tokenizer& tokenizer_;
  bool first_;
  bool skip_special_;
  std::string pending_;  // an unfinished UTF-8 character, at most 3 bytes
};

}  // namespace

std::unique_ptr<TextStream> Tokenizer::stream(bool first, bool skip_special) const {
  return std::make_unique<PieceStream>(*this, first, skip_special);
}

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool first, bool skip_special)
    : stream_(tokenizer.stream(first, skip_special)) {}

std::string StreamDecoder::push(std::int32_t id) {
  return stream_->push(id);
}

std::string StreamDecoder::finish() {
  return stream_->finish();
}

}  // namespace llorch
