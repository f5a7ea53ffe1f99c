// added_tokens of a tokenizer.json. Their ids are not the file's but Hugging Face's: a token of the vocabulary has its
// id there, any other the next one behind all that are known, in the order of the file. In a sound file both agree.
#include <algorithm>
#include <unordered_map>

#include "base/format.h"
#include "tokenizer/hf_parts.h"

namespace llorch {
namespace {

Result<AddedToken> read_added_token(const JsonNode& node) {
  AddedToken token;
  LL_ASSIGN(const std::int64_t id, node.get("id").integer());
  LL_ASSIGN(const std::string_view content, node.get("content").string());
  if (id < 0 || id > INT32_MAX) {
    return node.get("id").error("is {}, no token id", id);
  }
  token.id = static_cast<std::int32_t>(id);
  token.content = content;
  LL_ASSIGN(token.special, node.boolean_or("special", false));
  LL_ASSIGN(token.normalized, node.boolean_or("normalized", !token.special));
  LL_ASSIGN(token.lstrip, node.boolean_or("lstrip", false));
  LL_ASSIGN(token.rstrip, node.boolean_or("rstrip", false));
  LL_ASSIGN(token.single_word, node.boolean_or("single_word", false));
  return token;
}

int count_tokens(const Vocab& vocab) {
  int n = 0;
  for (std::int32_t id = 0; id < vocab.size(); ++id) {
    n += vocab.has(id) ? 1 : 0;
  }
  return n;
}

}  // namespace

Status read_added_tokens(const JsonNode& node, PipelineSpec& spec) {
  if (node.is_null()) {
    return {};
  }
  LL_ASSIGN(const auto items, node.items());
  const int n_vocab = count_tokens(*spec.vocab);
  std::int32_t largest = -1;
  std::unordered_map<std::string, std::size_t> places;  // in spec.added, by content
  for (const JsonNode& item : items) {
    LL_ASSIGN(AddedToken token, read_added_token(item));
    if (token.content.empty()) {
      continue;
    }
    const auto in_model = spec.vocab->find(token.content);
    const auto [place, is_new] = places.emplace(token.content, spec.added.size());
    const std::int32_t named = token.id;
    token.id = !is_new ? spec.added[place->second].id : in_model ? *in_model : std::max(largest + 1, n_vocab);
    if (token.id != named) {
      spec.warnings.push_back(fmt::format("{}: {}: '{}' is named id {} and gets {}, as Hugging Face counts them",
                                          item.file(), item.path(), one_line(token.content), named, token.id));
    }
    if (!in_model && spec.vocab->has(token.id)) {
      return item.error("'{}' gets id {}, which is '{}' in the vocabulary", token.content, token.id,
                        spec.vocab->text(token.id));
    }
    largest = std::max(largest, token.id);
    if (is_new) {
      spec.added.push_back(std::move(token));
    } else {
      token.special = token.special || spec.added[place->second].special;
      spec.added[place->second] = std::move(token);  // Hugging Face keeps both where `normalized` differs
    }
  }
  // Special tokens are looked for first, which decides between two of one normalised form.
  std::stable_partition(spec.added.begin(), spec.added.end(), [](const AddedToken& t) { return t.special; });
  return {};
}

}  // namespace llorch
