// Charsmap: the rewriting of characters that SentencePiece compiles into its models ("precompiled_charsmap"): a double
// array trie of byte strings (Darts-clone), whose leaves point to zero-terminated replacements.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace llorch {

class Charsmap {
 public:
  /// Reads the blob: the trie's size in bytes, the trie, the replacements. ErrorCode::model_file says what is wrong
  /// with it (callers put file and field before): every unit that can be reached is checked here.
  static Result<Charsmap> parse(std::string_view blob);

  /// Rewrites as Hugging Face tokenizers do: grapheme by grapheme if shorter than 6 bytes, else character by character,
  /// and by the *shortest* key that a grapheme begins with.
  std::string rewrite(std::string_view text) const;
  /// Rewrites as SentencePiece does: by the longest key at every place.
  std::string rewrite_longest(std::string_view text) const;
  /// Calls fn(key, replacement) for every rule; the replacements are places in replacements().
  void for_each_rule(const std::function<void(std::string_view, std::string_view)>& fn) const;
  std::string_view replacements() const { return replacements_; }

 private:
  struct Match {
    std::size_t length;  // of the key
    std::string_view replacement;
  };
  template <class Fn>
  void for_each_prefix(std::string_view text, const Fn& fn) const;
  std::optional<Match> shortest(std::string_view text) const;
  std::optional<Match> longest(std::string_view text) const;
  Status walk(const std::function<void(std::string_view, std::string_view)>& fn) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

}  // namespace llorch
