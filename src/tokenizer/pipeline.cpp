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
  for (std::int32_t id = 0; id < spec_.vocab->size() && !specials.empty(); ++id) {
    Token& token = tokens_[static_cast<std::size_t>(id)];
    // A second token of the vocabulary with a special one's text is skipped by its text, too.
    token.hidden =
        token.hidden || (token.added < 0 && !spec_.vocab->is_findable(id) && specials.contains(spec_.vocab->text(id)));
  }
  for (const PreTokenizeStep& step : spec_.pre_tokenizer) {
    const auto* metaspace = std::get_if<MetaspaceStep>(&step);
    asks_for_start_ = asks_for_start_ || (metaspace != nullptr && metaspace->prepend == PrependScheme::first);
  }
  asks_for_start_ = asks_for_start_ && !spec_.normalizer.empty();
  set_end_ids(std::move(spec_.end_ids));
}

void Pipeline::set_end_ids(std::vector<std::int32_t> ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  spec_.end_ids = std::move(ids);
  mark_controls();
}

void Pipeline::set_bos_id(std::int32_t id) {
  spec_.bos_id = id;
  mark_controls();
}

void Pipeline::mark_controls() {
  has_normalized_controls_ = false;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    Token& token = tokens_[i];
    const auto id = static_cast<std::int32_t>(i);
    const AddedToken* added = token.added >= 0 ? &spec_.added[static_cast<std::size_t>(token.added)] : nullptr;
    token.control = token.special || spec_.bos_id == id || (added != nullptr && is_marker(added->content)) ||
                    std::binary_search(spec_.end_ids.begin(), spec_.end_ids.end(), id);
    has_normalized_controls_ = has_normalized_controls_ || (token.control && added != nullptr && added->normalized);
  }
}

std::string_view Pipeline::text_of(std::int32_t id) const {
  const int added = tokens_[static_cast<std::size_t>(id)].added;
  if (added < 0) {
    return spec_.vocab->text(id);
  }
  const AddedToken& token = spec_.added[static_cast<std::size_t>(added)];
  return token.spelled.empty() ? token.content : token.spelled;
}

std::vector<Section> Pipeline::find_added(const AddedTokenFinder& finder, std::string_view text,
                                          const Permit& permit) const {
  if (permit.trust == nullptr) {
    return finder.find(text, permit.parse_special);
  }
  return finder.find(text, permit.parse_special, [&](std::int32_t id, std::size_t begin, std::size_t end) {
    return !is_control(id) || permit.trust->covers(begin, end);
  });
}

void Pipeline::encode_text(std::string_view text, const Permit& permit, bool at_start, Pieces& pieces,
                           MergeScratch& scratch, std::vector<std::int32_t>& out) const {
  Trust trust = permit.trust != nullptr ? *permit.trust : Trust();
  const bool carry = has_normalized_controls_ && !trust.empty();
  const std::string normalized = carry ? normalize(spec_.normalizer, text, trust) : normalize(spec_.normalizer, text);
  const Permit inner{permit.parse_special, permit.trust != nullptr ? &trust : nullptr};
  at_start = at_start && (!asks_for_start_ || keeps_start(spec_.normalizer, text));
  for (const Section& section : find_added(normalized_finder_, normalized, inner)) {
    if (section.token >= 0) {
      out.push_back(section.token);
      continue;
    }
    pieces.set(std::string_view(normalized).substr(section.begin, section.end - section.begin),
               at_start && section.begin == 0);
    pre_tokenize(spec_.pre_tokenizer, pieces);
    for (const Span& span : pieces.spans()) {
      spec_.model->encode(pieces.piece(span), scratch, out);
    }
  }
}

std::vector<std::int32_t> Pipeline::encode_whole(std::string_view text, const Permit& permit, bool add_special) const {
  std::vector<std::int32_t> ids;
  MergeScratch scratch;
  Pieces pieces;
  if (add_special) {
    ids = spec_.before;
  }
  for (const Section& section : find_added(raw_finder_, text, permit)) {
    if (section.token >= 0) {
      ids.push_back(section.token);
      continue;
    }
    const Trust trust = permit.trust != nullptr ? permit.trust->part(section.begin, section.end) : Trust();
    const Permit inner{permit.parse_special, permit.trust != nullptr ? &trust : nullptr};
    encode_text(text.substr(section.begin, section.end - section.begin), inner, section.begin == 0, pieces, scratch,
                ids);
  }
  if (add_special) {
    ids.insert(ids.end(), spec_.after.begin(), spec_.after.end());
  }
  return ids;
}

std::vector<std::int32_t> Pipeline::encode(std::string_view text, const EncodeOptions& options) const {
  const Permit permit{options.parse_special, nullptr};
  return is_utf8(text) ? encode_whole(text, permit, options.add_special)
                       : encode_whole(repair_utf8(text), permit, options.add_special);
}

std::vector<std::int32_t> Pipeline::encode_segments(std::span<const TextSegment> segments,
                                                    const EncodeOptions& options) const {
  Trust trust;
  const std::string text = join_segments(segments, trust);
  return encode_whole(text, {true, &trust}, options.add_special);
}

std::optional<std::string_view> Pipeline::shown_text(std::int32_t id, bool skip_special) const {
  const Token& token = tokens_[static_cast<std::size_t>(id)];
  if ((skip_special && token.hidden) || (token.added < 0 && !spec_.vocab->has(id))) {
    return std::nullopt;
  }
  return token.added >= 0 ? std::string_view(shown_[static_cast<std::size_t>(token.added)]) : spec_.vocab->text(id);
}

Result<std::string> Pipeline::decode(std::span<const std::int32_t> ids, bool skip_special) const {
  std::vector<std::string> texts;
  texts.reserve(ids.size());
  for (const std::int32_t id : ids) {
    if (!in_range(id)) {
      return errorf(ErrorCode::invalid_argument, "token id {} is outside the vocabulary of {} tokens", id,
                    vocab_size());
    }
    if (const auto text = shown_text(id, skip_special)) {
      texts.emplace_back(*text);
    }
  }
  return decode_tokens(spec_.decoder, std::move(texts));
}

class Pipeline::Stream : public TextStream {
 public:
  Stream(const Pipeline& pipeline, bool first, bool skip_special)
      : pipeline_(pipeline), skip_special_(skip_special), text_(pipeline.spec_.decoder, first) {}
  std::string push(std::int32_t id) override {
    const auto text = pipeline_.in_range(id) ? pipeline_.shown_text(id, skip_special_) : std::nullopt;
    return text ? text_.push(*text) : std::string();
  }
  std::string finish() override { return text_.finish(); }

 private:
  const Pipeline& pipeline_;
  bool skip_special_;
  DecodeStream text_;
};

std::unique_ptr<TextStream> Pipeline::stream(bool first, bool skip_special) const {
  return std::make_unique<Stream>(*this, first, skip_special);
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

bool Pipeline::is_control(std::int32_t id) const {
  return in_range(id) && tokens_[static_cast<std::size_t>(id)].control;
}

std::optional<std::int32_t> Pipeline::find(std::string_view text) const {
  const auto added = added_ids_.find(std::string(text));
  return added != added_ids_.end() ? std::optional(added->second) : spec_.vocab->find(text);
}

}  // namespace llorch
