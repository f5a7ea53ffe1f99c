// Added tokens by a trie; the rules about words and white space follow tokenizers' AddedVocabulary::find_matches.
#include "tokenizer/added_tokens.h"

#include <algorithm>

#include "base/unicode.h"
#include "base/utf8.h"

namespace llorch {
namespace {

/// The character that ends at `end`; U+FFFD (no word) at the start of the text.
Utf8Char character_before(std::string_view text, std::size_t end) {
  std::size_t begin = end;
  while (begin > 0 && end - begin < 4) {
    --begin;
    if ((static_cast<unsigned char>(text[begin]) & 0xC0) != 0x80) {
      break;
    }
  }
  return decode_utf8(text.substr(begin, end - begin));
}

bool is_single_word(std::string_view text, std::size_t begin, std::size_t end) {
  const bool word_before = begin > 0 && is_word(character_before(text, begin).code);
  const bool word_after = end < text.size() && is_word(decode_utf8(text.substr(end)).code);
  return !word_before && !word_after;
}

std::size_t strip_left(std::string_view text, std::size_t begin) {
  while (begin > 0) {
    const Utf8Char c = character_before(text, begin);
    if (!is_white_space(c.code)) {
      break;
    }
    begin -= static_cast<std::size_t>(c.length);
  }
  return begin;
}

std::size_t strip_right(std::string_view text, std::size_t end) {
  while (end < text.size()) {
    const Utf8Char c = decode_utf8(text.substr(end));
    if (!is_white_space(c.code)) {
      break;
    }
    end += static_cast<std::size_t>(c.length);
  }
  return end;
}

}  // namespace

void AddedTokenFinder::add(std::string_view text, const AddedToken& token) {
  if (text.empty()) {
    return;
  }
  std::uint32_t node = 0;
  for (const char c : text) {
    const std::uint64_t key = static_cast<std::uint64_t>(node) << 8 | static_cast<unsigned char>(c);
    const auto [child, is_new] = children_.try_emplace(key, static_cast<std::uint32_t>(rule_of_node_.size()));
    if (is_new) {
      rule_of_node_.push_back(-1);
    }
    node = child->second;
  }
  begins_[static_cast<unsigned char>(text[0])] = true;
  if (rule_of_node_[node] < 0) {
    rule_of_node_[node] = static_cast<int>(rules_.size());
    rules_.push_back({token.id, token.special, token.lstrip, token.rstrip, token.single_word});
  }
}

AddedTokenFinder::Found AddedTokenFinder::longest_at(std::string_view text, std::size_t at, const Allow& allow) const {
  Found found;
  if (!begins_[static_cast<unsigned char>(text[at])]) {
    return found;
  }
  std::uint32_t node = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    const auto child = children_.find(static_cast<std::uint64_t>(node) << 8 | static_cast<unsigned char>(text[i]));
    if (child == children_.end()) {
      break;
    }
    node = child->second;
    const int rule = rule_of_node_[node];
    if (rule >= 0 && (!allow || allow(rules_[static_cast<std::size_t>(rule)].id, at, i + 1))) {
      found = {i + 1 - at, rule};
    }
  }
  return found;
}

std::vector<Section> AddedTokenFinder::find(std::string_view text, bool parse_special, const Allow& allow) const {
  std::vector<Section> sections;
  std::size_t done = 0;
  std::size_t at = 0;
  while (at < text.size() && !rules_.empty()) {
    const Found found = longest_at(text, at, allow);
    if (found.length == 0) {
      ++at;
      continue;
    }
    const Rule& rule = rules_[static_cast<std::size_t>(found.rule)];
    std::size_t begin = at;
    std::size_t end = at + found.length;
    at = end;
    if ((rule.special && !parse_special) || (rule.single_word && !is_single_word(text, begin, end))) {
      continue;
    }
    // White space that an earlier token took along stays with it.
    begin = rule.lstrip ? std::max(strip_left(text, begin), done) : begin;
    end = rule.rstrip ? strip_right(text, end) : end;
    if (begin >= end) {
      continue;  // nothing of it is left: Hugging Face drops such a token too
    }
    if (begin > done) {
      sections.push_back({done, begin, -1});
    }
    sections.push_back({begin, end, rule.id});
    done = end;
  }
  if (done < text.size()) {
    sections.push_back({done, text.size(), -1});
  }
  return sections;
}

bool is_marker(std::string_view text) {
  const auto between = [&](char first, char last) {
    return text.size() > 2 && text.front() == first && text.back() == last;
  };
  return between('<', '>') || between('[', ']') || text.find('|') != std::string_view::npos ||
         text.find("\xEF\xBD\x9C") != std::string_view::npos;  // U+FF5C
}

}  // namespace llorch
