// Pipeline: the walk from text to ids and back; see pipeline.h for the order.
#include "tokenizer/pipeline.h"

#include <algorithm>
#include <unordered_set>

#include "base/format.h"
#include "base/utf8.h"

namespace llorch {

Pipeline::Pipeline(PipelineSpec spec) : spec_(std::move(spec)) {
  int n_ids = spec_.vocab->size();
  std::unordered_set<std::string_view> specials;
  for (const AddedToken& token : spec_.added) {
    n_ids = std::max(n_ids, token.id + 1);
    if (token.special) {
      specials.insert(token.content);
    }
  }
  tokens_.resize(static_cast<std::size_t>(n_ids));
  for (std::size_t i = 0; i < spec_.added.size(); ++i) {
    const AddedToken& token = spec_.added[i];
    // Hugging Face shows a normalised token in its normalised form, and skips by what it shows: "<s>" of llama 2 is
    // shown as "▁<s>" and never skipped.
    const std::string looked_for = token.normalized ? normalize(spec_.normalizer, token.content) : token.content;
    tokens_[static_cast<std::size_t>(token.id)] = {static_cast<int>(i), token.special, specials.contains(looked_for)};
    (token.normalized ? normalized_finder_ : raw_finder_).add(looked_for, token);
    shown_.push_back(token.spelled.empty() ? looked_for : token.spelled);
    added_ids_.emplace(token.content, token.id);
  }
  set_end_ids(std::move(spec_.end_ids));
}

void Pipeline::set_end_ids(std::vector<std::int32_t> ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  spec_.end_ids = std::move(ids);
}

std::string_view Pipeline::text_of(std::int32_t id) const {
  const int added = tokens_[static_cast<std::size_t>(id)].added;
  if (added < 0) {
    return spec_.vocab->text(id);
  }
  const AddedToken& token = spec_.added[static_cast<std::size_t>(added)];
  return token.spelled.empty() ? token.content : token.spelled;
}

void Pipeline::encode_text(std::string_view text, bool parse_special, bool at_start, Pieces& pieces,
                           MergeScratch& scratch, std::vector<std::int32_t>& out) const {
  const std::string normalized = normalize(spec_.normalizer, text);
  std::size_t begin = 0;
  for (const Section& section : normalized_finder_.find(normalized, parse_special)) {
    if (section.token >= 0) {
      out.push_back(section.token);
    } else {
      pieces.set(std::string_view(normalized).substr(begin, section.end - begin), at_start && begin == 0);
      pre_tokenize(spec_.pre_tokenizer, pieces);
      for (const Span& span : pieces.spans()) {
        spec_.model->encode(pieces.piece(span), scratch, out);
      }
    }
    begin = section.end;
  }
}

std::vector<std::int32_t> Pipeline::encode(std::string_view text, const EncodeOptions& options) const {
  std::string repaired;
  if (!is_utf8(text)) {
    repaired = repair_utf8(text);
    text = repaired;
  }
  std::vector<std::int32_t> ids;
  MergeScratch scratch;
  Pieces pieces;
  if (options.add_special) {
    ids = spec_.before;
  }
  std::size_t begin = 0;
  for (const Section& section : raw_finder_.find(text, options.parse_special)) {
    if (section.token >= 0) {
      ids.push_back(section.token);
    } else {
      encode_text(text.substr(begin, section.end - begin), options.parse_special, begin == 0, pieces, scratch, ids);
    }
    begin = section.end;
  }
  if (options.add_special) {
    ids.insert(ids.end(), spec_.after.begin(), spec_.after.end());
  }
  return ids;
}

Result<std::string> Pipeline::decode(std::span<const std::int32_t> ids, bool skip_special) const {
  std::vector<std::string> texts;
  texts.reserve(ids.size());
  for (const std::int32_t id : ids) {
    if (!in_range(id)) {
      return errorf(ErrorCode::invalid_argument, "token id {} is outside the vocabulary of {} tokens", id,
                    vocab_size());
    }
    const Token& token = tokens_[static_cast<std::size_t>(id)];
    if (skip_special && token.hidden) {
      continue;
    }
    texts.emplace_back(token.added >= 0 ? std::string_view(shown_[static_cast<std::size_t>(token.added)])
                                        : spec_.vocab->text(id));
  }
  return decode_tokens(spec_.decoder, std::move(texts));
}

std::string Pipeline::piece(std::int32_t id) const {
  return in_range(id) ? token_bytes(spec_.decoder, text_of(id)) : std::string();
}

std::string Pipeline::stream_piece(std::int32_t id, bool first, bool skip_special) const {
  if (!in_range(id) || (skip_special && is_special(id))) {
    return {};
  }
  return first ? first_token_bytes(spec_.decoder, text_of(id)) : token_bytes(spec_.decoder, text_of(id));
}

bool Pipeline::is_special(std::int32_t id) const {
  return in_range(id) && tokens_[static_cast<std::size_t>(id)].special;
}

std::optional<std::int32_t> Pipeline::find(std::string_view text) const {
  const auto added = added_ids_.find(std::string(text));
  return added != added_ids_.end() ? std::optional(added->second) : spec_.vocab->find(text);
}

}  // namespace llorch
