// DecodeStream: the steps of a decoder as stages in a row. A stage takes tokens and gives tokens; behind a step that
// joins all tokens (ByteLevel, Fuse) there is one token, which grows: stages there take its parts.
#include <algorithm>
#include <limits>
#include <optional>

#include "base/utf8.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/decoder.h"

namespace llorch {
namespace {

class Stage {
 public:
  virtual ~Stage() = default;
  /// A token, or the next part of the one that grows.
  virtual void take(std::string text) = 0;
  virtual void end() { next->end(); }
  Stage* next = nullptr;
};

/// The end of the row: whole characters out.
class Output : public Stage {
 public:
  void take(std::string text) override { pending_ += text; }
  void end() override {
    done_ += repair_utf8(pending_);
    pending_.clear();
  }
  std::string collect() {
    std::string out = std::exchange(done_, {});
    return out + take_utf8(pending_);
  }

 private:
  std::string pending_;
  std::string done_;
};

/// Steps that look at one token alone, and whether it is the first.
class EachToken : public Stage {
 public:
  EachToken(const DecodeStep& step, bool first) : step_(step), first_(first) {}
  void take(std::string text) override {
    for (std::string& out : run_decode_step(step_, {std::move(text)}, first_)) {
      next->take(std::move(out));
    }
    first_ = false;
  }

 private:
  const DecodeStep& step_;
  bool first_;
};

/// A token equal to the one before it goes; else as EachToken.
class NoRepeats : public EachToken {
 public:
  using EachToken::EachToken;
  void take(std::string text) override {
    if (last_ != text) {
      last_ = text;
      EachToken::take(std::move(text));
    }
  }

 private:
  std::optional<std::string> last_;
};

/// Waits for the whole of what grows: steps behind a join that need it all. No model is known to have such a row.
class WholeText : public Stage {
 public:
  WholeText(const DecodeStep& step, bool first) : step_(step), first_(first) {}
  void take(std::string text) override {
    seen_ = true;
    all_ += text;
  }
  void end() override {
    if (seen_) {
      for (std::string& out : run_decode_step(step_, {std::exchange(all_, {})}, first_)) {
        next->take(std::move(out));
      }
    }
    seen_ = false;
    next->end();
  }

 private:
  const DecodeStep& step_;
  std::string all_;
  bool first_;
  bool seen_ = false;
};

class ByteLevelJoin : public Stage {
 public:
  void take(std::string text) override {
    pending_ += from_byte_level(text).value_or(text);
    next->take(take_utf8(pending_));
  }
  void end() override {
    next->take(repair_utf8(std::exchange(pending_, {})));
    next->end();
  }

 private:
  std::string pending_;
};

/// A run of bytes is characters, or one U+FFFD for each of them: known when it ends.
class ByteRuns : public Stage {
 public:
  void take(std::string text) override {
    if (const auto byte = fallback_byte(text)) {
      bytes_ += *byte;
      return;
    }
    flush();
    next->take(std::move(text));
  }
  void end() override {
    flush();
    next->end();
  }

 private:
  void flush() {
    if (bytes_.empty()) {
      return;
    }
    const std::string bytes = std::exchange(bytes_, {});
    if (is_utf8(bytes)) {
      next->take(bytes);
      return;
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      next->take(std::string(kReplacement));
    }
  }
  std::string bytes_;
};

class Join : public Stage {
 public:
  void take(std::string text) override { next->take(std::move(text)); }
};

class SpacesBetween : public Stage {
 public:
  explicit SpacesBetween(bool first) : first_(first) {}
  void take(std::string text) override {
    next->take(first_ ? std::move(text) : " " + text);
    first_ = false;
  }

 private:
  bool first_;
};

/// Strip of the token that grows: its first `start` and its last `stop` contents.
class StripEnds : public Stage {
 public:
  StripEnds(const StripDecode& step, bool first) : step_(step), to_strip_(first ? step.start : 0) {}
  void take(std::string text) override {
    std::string_view rest = text;
    const std::size_t size = step_.content.size();
    for (; to_strip_ > 0 && !rest.empty(); --to_strip_) {
      if (!rest.starts_with(step_.content)) {
        to_strip_ = 0;
        break;
      }
      rest.remove_prefix(size);
    }
    std::string_view head = rest;
    int n_tail = 0;
    for (; head.ends_with(step_.content); head.remove_suffix(size)) {
      ++n_tail;
    }
    if (!head.empty()) {
      give(std::exchange(n_held_, 0));
      next->take(std::string(head));
    }
    const int n_free = std::max(0, n_tail - (step_.stop - n_held_));
    give(n_free);
    n_held_ += n_tail - n_free;
  }

 private:
  void give(int n) {
    std::string out;
    for (int i = 0; i < n; ++i) {
      out += step_.content;
    }
    if (n > 0) {
      next->take(std::move(out));
    }
  }
  const StripDecode& step_;
  int to_strip_;
  int n_held_ = 0;  // contents at the end so far, which may be the last
};

/// Replaces a literal in the token that grows. What may be the beginning of a match waits.
class ReplaceGrowing : public Stage {
 public:
  ReplaceGrowing(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  void take(std::string text) override {
    pending_ += text;
    std::string out;
    std::size_t done = 0;
    for (std::size_t at = 0; (at = pending_.find(from_, done)) != std::string::npos; done = at + from_.size()) {
      out.append(pending_, done, at - done).append(to_);
    }
    const std::size_t kept = std::min(pending_.size() - done, from_.size() - 1);
    out.append(pending_, done, pending_.size() - done - kept);
    pending_.erase(0, pending_.size() - kept);
    next->take(std::move(out));
  }
  void end() override {
    next->take(std::exchange(pending_, {}));
    next->end();
  }

 private:
  std::string from_;
  std::string to_;
  std::string pending_;
};

/// A token's suffixes are spaces unless it is the last one: a token with a suffix waits for the next.
class SuffixesToSpaces : public Stage {
 public:
  explicit SuffixesToSpaces(const BpeDecode& step) : step_(step) {}
  void take(std::string text) override {
    flush(" ");
    held_ = std::move(text);
    if (held_->find(step_.suffix) == std::string::npos) {
      flush("");
    }
  }
  void end() override {
    flush("");
    next->end();
  }

 private:
  void flush(std::string_view to) {
    if (held_) {
      next->take(replace_all(*std::exchange(held_, std::nullopt), step_.suffix, to));
    }
  }
  const BpeDecode& step_;
  std::optional<std::string> held_;
};

/// The stage of a step where tokens come one by one.
struct OfTokens {
  const DecodeStep& step;
  bool first;
  std::unique_ptr<Stage> operator()(const ByteLevelDecode&) const { return std::make_unique<ByteLevelJoin>(); }
  std::unique_ptr<Stage> operator()(const ByteFallbackDecode&) const { return std::make_unique<ByteRuns>(); }
  std::unique_ptr<Stage> operator()(const FuseDecode&) const { return std::make_unique<Join>(); }
  std::unique_ptr<Stage> operator()(const CtcDecode&) const { return std::make_unique<NoRepeats>(step, first); }
  std::unique_ptr<Stage> operator()(const BpeDecode& bpe) const { return std::make_unique<SuffixesToSpaces>(bpe); }
  template <class Step>
  std::unique_ptr<Stage> operator()(const Step&) const {
    return std::make_unique<EachToken>(step, first);
  }
};

/// The stage of a step where one token grows.
struct OfParts {
  const DecodeStep& step;
  bool first;
  std::unique_ptr<Stage> operator()(const FuseDecode&) const { return std::make_unique<Join>(); }
  std::unique_ptr<Stage> operator()(const StripDecode& strip) const {
    return std::make_unique<StripEnds>(strip, first);
  }
  std::unique_ptr<Stage> operator()(const MetaspaceDecode& space) const {
    return std::make_unique<ReplaceGrowing>(space.replacement, first && space.prepended ? "" : " ");
  }
  std::unique_ptr<Stage> operator()(const ReplaceStep& replace) const {
    if (replace.regex) {
      return std::make_unique<WholeText>(step, first);
    }
    return std::make_unique<ReplaceGrowing>(replace.from, replace.to);
  }
  template <class Step>
  std::unique_ptr<Stage> operator()(const Step&) const {
    return std::make_unique<WholeText>(step, first);
  }
};

bool joins(const DecodeStep& step) {
  return std::holds_alternative<ByteLevelDecode>(step) || std::holds_alternative<FuseDecode>(step);
}

}  // namespace

struct DecodeStream::Stages {
  std::vector<std::unique_ptr<Stage>> row;
  Output output;
};

DecodeStream::DecodeStream(const Decoder& decoder, bool first) : stages_(std::make_unique<Stages>()) {
  auto& row = stages_->row;
  if (decoder.join_with_spaces) {
    row.push_back(std::make_unique<SpacesBetween>(first));
  }
  bool joined = false;
  for (const DecodeStep& step : decoder.steps) {
    row.push_back(joined ? std::visit(OfParts{step, first}, step) : std::visit(OfTokens{step, first}, step));
    joined = joined || joins(step);
  }
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i]->next = i + 1 < row.size() ? row[i + 1].get() : &stages_->output;
  }
}

DecodeStream::~DecodeStream() = default;
DecodeStream::DecodeStream(DecodeStream&&) noexcept = default;
DecodeStream& DecodeStream::operator=(DecodeStream&&) noexcept = default;

std::string DecodeStream::push(std::string_view token) {
  Stage* first = stages_->row.empty() ? &stages_->output : stages_->row.front().get();
  first->take(std::string(token));
  return stages_->output.collect();
}

std::string DecodeStream::finish() {
  Stage* first = stages_->row.empty() ? &stages_->output : stages_->row.front().get();
  first->end();
  return stages_->output.collect();
}

}  // namespace llorch
