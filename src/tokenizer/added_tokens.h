// Added tokens: texts that are tokens as a whole wherever they occur ("<|im_end|>"), cut out before anything else.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace llorch {

/// One entry of tokenizer.json's added_tokens, or a control or user-defined token of a GGUF.
struct AddedToken {
  std::int32_t id = 0;
  std::string content;
  bool special = false;      // hidden by skip_special, and parsed only when the caller allows
  bool normalized = false;   // looked for in normalised text, in its normalised form
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // takes the white space after it along
  bool single_word = false;  // only between characters that are not \w
  std::string spelled;       // what the decoder takes in place of the content, where that would be read as bytes
};

/// Text that looks like a marker of chat formats ("<tool_call>", "[INST]", "<|im_end|>", "<｜end▁of▁sentence｜>").
bool is_marker(std::string_view text);

/// A stretch of text: one added token, or text (token < 0).
struct Section {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::int32_t token = -1;
};

/// Finds added tokens, leftmost first and the longest of those that begin there. Immutable after build.
class AddedTokenFinder {
 public:
  /// Looks for `text` (not empty; the first of two equal ones stays) and gives `token`.
  void add(std::string_view text, const AddedToken& token);
  bool empty() const { return rules_.empty(); }
  /// Whether the token `id` may stand at [begin, end); where it may not, it is as if it did not exist.
  using Allow = std::function<bool(std::int32_t id, std::size_t begin, std::size_t end)>;
  /// Cuts all of `text`. A special token that may not be parsed hides what overlaps it, as in Hugging Face tokenizers.
  /// Sections follow one another, but for one case of theirs: a token inside white space that the token before it took
  /// along is found all the same, and what follows it comes once more.
  std::vector<Section> find(std::string_view text, bool parse_special, const Allow& allow = {}) const;

 private:
  struct Rule {
    std::int32_t id;
    bool special, lstrip, rstrip, single_word;
  };
  struct Found {
    std::size_t length = 0;  // 0: nothing begins here
    int rule = -1;
  };
  Found longest_at(std::string_view text, std::size_t at, const Allow& allow) const;

  // A trie of bytes. Node 0 is the root; children by (node << 8 | byte).
  std::vector<int> rule_of_node_ = {-1};
  std::unordered_map<std::uint64_t, std::uint32_t> children_;
  std::array<bool, 256> begins_{};
  std::vector<Rule> rules_;
};

}  // namespace llorch
