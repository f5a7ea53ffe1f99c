// Tokenizer: text <-> token ids, from a GGUF vocabulary or a tokenizer.json. Immutable once made; safe to share.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"

namespace llorch {

struct EncodeOptions {
  /// Text of control tokens ("<|im_end|>") becomes those tokens. Off for text from users. (Added tokens that are not
  /// special are recognised either way.)
  bool parse_special = false;
  /// What the file says a prompt begins (and ends) with: BOS/EOS flags of a GGUF, the post-processor of a
  /// tokenizer.json.
  bool add_special = false;
};

/// A stretch of a prompt and where it is from: trusted text (of a chat template) may become control tokens, text from
/// users never.
struct TextSegment {
  std::string_view text;
  bool trusted = false;
};

/// Text of a growing sequence; see StreamDecoder.
class TextStream {
 public:
  virtual ~TextStream() = default;
  virtual std::string push(std::int32_t id) = 0;
  virtual std::string finish() = 0;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  /// Ids of `text`. What is not UTF-8 is encoded as U+FFFD (one for each maximal part of a character); never fails,
  /// linear-logarithmic in the length.
  virtual std::vector<std::int32_t> encode(std::string_view text, const EncodeOptions& options) const = 0;
  /// Ids of the segments as one text with special tokens parsed (pre-tokens and merges run across the borders), but
  /// that a control token (is_control) is recognised only where all its bytes are trusted. Neighbouring trusted
  /// segments are one stretch; a marker that a user completes, or that is half a user's, stays text. UTF-8 is repaired
  /// segment by segment. options.parse_special plays no part.
  virtual std::vector<std::int32_t> encode_segments(std::span<const TextSegment> segments,
                                                    const EncodeOptions& options) const = 0;
  /// Text of `ids` as Hugging Face's decode() gives it. Ids outside the vocabulary are an error.
  virtual Result<std::string> decode(std::span<const std::int32_t> ids, bool skip_special) const = 0;
  /// Bytes that token `id` contributes to a text, its place in the text left aside; empty for an id out of range.
  virtual std::string piece(std::int32_t id) const = 0;
  /// Bytes that `id` contributes when it follows what came before: `first` is true at the very start of a text (SPM
  /// decoders strip the dummy space there). Control tokens contribute nothing when skip_special.
  virtual std::string stream_piece(std::int32_t id, bool first, bool skip_special) const = 0;

  /// What StreamDecoder runs on; this tokenizer must outlive it.
  virtual std::unique_ptr<TextStream> stream(bool first, bool skip_special) const;

  virtual int vocab_size() const = 0;
  virtual std::string_view kind() const = 0;  // "gguf-bpe", "gguf-spm", "hf-json"
  virtual std::optional<std::int32_t> bos_id() const = 0;
  virtual bool is_special(std::int32_t id) const = 0;
  /// What text from users must never become: special tokens, those that begin a text or end a turn, and added tokens
  /// that look like markers though the file does not call them special ("<tool_call>", "[INST]", "<|fim_prefix|>").
  virtual bool is_control(std::int32_t id) const = 0;
  /// Tokens that end a turn: EOS, EOT, and control tokens known to end a message. Sorted.
  virtual std::span<const std::int32_t> end_ids() const = 0;
  /// The id of a token by its literal text ("<|im_end|>").
  virtual std::optional<std::int32_t> find(std::string_view text) const = 0;
  /// What was odd about the file but did not stop us, one sentence each.
  virtual std::span<const std::string> warnings() const { return {}; }
};

/// The tokenizer of an open checkpoint: GGUF metadata, or the directory's tokenizer.json. `end_ids` of a directory come
/// from generation_config.json, tokenizer_config.json and config.json.
Result<std::unique_ptr<Tokenizer>> make_tokenizer(const Checkpoint& checkpoint);
/// From a lone tokenizer.json.
Result<std::unique_ptr<Tokenizer>> load_tokenizer_json(const std::string& path);
/// The same from memory (fuzzers); `name` stands for the path in errors.
Result<std::unique_ptr<Tokenizer>> parse_tokenizer_json(std::string_view json, const std::string& name);

/// Text of a growing sequence, one token at a time, in whole UTF-8 characters. Everything that push() and finish()
/// give, joined, is decode() of all the ids: bytes of an unfinished character wait for the rest, and so does what a
/// later token may change (a run of <0xXX> tokens; all, with the rare decoders that docs/tokenizers.md names). The cost
/// of a token does not depend on how many came before. Ids outside the vocabulary add nothing.
class StreamDecoder {
 public:
  /// `tokenizer` must outlive the decoder. `first`: the text begins here (not a continuation of a prompt).
  StreamDecoder(const Tokenizer& tokenizer, bool first, bool skip_special = true);
  /// The text that token `id` completes; may be empty.
  std::string push(std::int32_t id);
  /// What was held back, with U+FFFD for a character that never ended.
  std::string finish();

 private:
  std::unique_ptr<TextStream> stream_;
};

}  // namespace llorch
