// Pipeline: a tokenizer as data. Loaders (gguf_vocab.cpp, hf_json.cpp) fill a PipelineSpec and remove the quirks of
// their format there; one class runs it.
//
//   text -> added tokens cut out -> normalize -> normalised added tokens cut out -> pre_tokenize -> model -> ids
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/decoder.h"
#include "tokenizer/model.h"
#include "tokenizer/normalize.h"
#include "tokenizer/pretokenize.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/trust.h"
#include "tokenizer/vocab.h"

namespace llorch {

struct PipelineSpec {
  std::string kind;                    // "gguf-bpe", "gguf-spm", "hf-json"
  std::shared_ptr<const Vocab> vocab;  // of the model
  std::vector<AddedToken> added;       // ids may lie in the vocabulary or behind it
  std::vector<NormalizeStep> normalizer;
  std::vector<PreTokenizeStep> pre_tokenizer;
  std::unique_ptr<TokenModel> model;
  Decoder decoder;
  std::vector<std::int32_t> before;  // put around a text by add_special
  std::vector<std::int32_t> after;
  std::optional<std::int32_t> bos_id;
  std::vector<std::int32_t> end_ids;
  std::vector<std::string> warnings;
};

class Pipeline : public Tokenizer {
 public:
  explicit Pipeline(PipelineSpec spec);

  std::vector<std::int32_t> encode(std::string_view text, const EncodeOptions& options) const override;
  std::vector<std::int32_t> encode_segments(std::span<const TextSegment> segments,
                                            const EncodeOptions& options) const override;
  Result<std::string> decode(std::span<const std::int32_t> ids, bool skip_special) const override;
  std::string piece(std::int32_t id) const override;
  std::string stream_piece(std::int32_t id, bool first, bool skip_special) const override;
  std::unique_ptr<TextStream> stream(bool first, bool skip_special) const override;
  int vocab_size() const override { return static_cast<int>(tokens_.size()); }
  std::string_view kind() const override { return spec_.kind; }
  std::optional<std::int32_t> bos_id() const override { return spec_.bos_id; }
  bool is_special(std::int32_t id) const override;
  bool is_control(std::int32_t id) const override;
  std::span<const std::int32_t> end_ids() const override { return spec_.end_ids; }
  std::optional<std::int32_t> find(std::string_view text) const override;
  std::span<const std::string> warnings() const override { return spec_.warnings; }
  void warn(std::string warning) { spec_.warnings.push_back(std::move(warning)); }

  /// Loaders that read more files afterwards (generation_config.json). `ids` in any order, in range.
  void set_end_ids(std::vector<std::int32_t> ids);
  void set_bos_id(std::int32_t id);

 private:
  /// What an id says, looked up once at load.
  struct Token {
    int added = -1;  // index in spec_.added
    bool special = false;
    bool hidden = false;  // decode() leaves it out with skip_special
    bool control = false;
  };
  class Stream;
  void mark_controls();
  /// What decode() makes text of; nothing for ids that are left out.
  std::optional<std::string_view> shown_text(std::int32_t id, bool skip_special) const;
  std::string_view text_of(std::int32_t id) const;
  /// Which added tokens a text may become.
  struct Permit {
    bool parse_special = true;
    const Trust* trust = nullptr;  // control tokens only here; null: everywhere
  };
  /// All of a prompt between `before` and `after`.
  std::vector<std::int32_t> encode_whole(std::string_view text, const Permit& permit, bool add_special) const;
  void encode_text(std::string_view text, const Permit& permit, bool at_start, Pieces& pieces, MergeScratch& scratch,
                   std::vector<std::int32_t>& out) const;
  std::vector<Section> find_added(const AddedTokenFinder& finder, std::string_view text, const Permit& permit) const;
  bool in_range(std::int32_t id) const { return id >= 0 && id < vocab_size(); }

  PipelineSpec spec_;
  std::vector<Token> tokens_;
  std::vector<std::string> shown_;  // by index in spec_.added: what decode() shows
  std::unordered_map<std::string, std::int32_t> added_ids_;
  AddedTokenFinder raw_finder_;
  AddedTokenFinder normalized_finder_;
  bool has_normalized_controls_ = false;
  bool asks_for_start_ = false;  // a pre-tokenizer treats the beginning of the text apart, and a normalizer may move it
};

}  // namespace llorch
