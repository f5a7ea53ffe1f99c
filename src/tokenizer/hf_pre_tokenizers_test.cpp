// Pre-tokenizers of tokenizer.json by name; the pieces are those of Hugging Face tokenizers 0.23.
#include <gtest/gtest.h>

#include "tokenizer/hf_components.h"

namespace llorch {
namespace {

using Strings = std::vector<std::string>;

Strings cut(const std::string& json, const std::string& text) {
  const auto document = JsonDocument::parse(std::string_view(json), "test.json");
  std::vector<PreTokenizeStep> steps;
  const Status read = read_pre_tokenizer(document->root(), steps);
  EXPECT_TRUE(read.ok()) << json;
  Pieces pieces;
  pieces.set(text, true);
  pre_tokenize(steps, pieces);
  Strings out;
  for (const Span& span : pieces.spans()) {
    out.emplace_back(pieces.piece(span));
  }
  return out;
}

TEST(HfPreTokenizers, ByName) {
  EXPECT_EQ(cut(R"({"type":"Whitespace"})", "a_b c!?  d"), (Strings{"a_b", "c", "!?", "d"}));
  EXPECT_EQ(cut(R"({"type":"WhitespaceSplit"})", " a! b\n"), (Strings{"a!", "b"}));
  EXPECT_EQ(cut(R"({"type":"BertPreTokenizer"})", "a-b c"), (Strings{"a", "-", "b", "c"}));
  EXPECT_EQ(cut(R"({"type":"CharDelimiterSplit","delimiter":"-"})", "a-b--c"), (Strings{"a", "b", "c"}));
  EXPECT_EQ(cut(R"({"type":"FixedLength","length":2})", "a\u00e9bcd"), (Strings{"a\u00e9", "bc", "d"}));
  EXPECT_EQ(cut(R"({"type":"Digits","individual_digits":true})", "a12"), (Strings{"a", "1", "2"}));
  EXPECT_EQ(cut(R"({"type":"Digits","individual_digits":true})", "\U00011de0\U00016ff4"),
            (Strings{"\U00011de0", "\U00016ff4"}));  // of Unicode 17
  EXPECT_EQ(cut(R"({"type":"Punctuation","behavior":"Contiguous"})", "a!?b"), (Strings{"a", "!?", "b"}));
  EXPECT_EQ(cut(R"({"type":"UnicodeScripts"})", "  ab  \u6f22"), (Strings{"ab  ", "\u6f22"}));
  EXPECT_EQ(cut(R"({"type":"Split","pattern":{"String":""},"behavior":"Isolated","invert":false})", "ab"),
            (Strings{"a", "b"}));
}

TEST(HfPreTokenizers, EmptyMatchesCut) {
  const auto split = [](const std::string& behavior) {
    return R"x({"type":"Split","pattern":{"Regex":"(?<=[a-z])(?=[0-9])"},"invert":false,"behavior":")x" + behavior +
           "\"}";
  };
  EXPECT_EQ(cut(split("Isolated"), "ab12c3"), (Strings{"ab", "12c", "3"}));
  EXPECT_EQ(cut(split("MergedWithNext"), "ab12"), (Strings{"ab", "12"}));
}

}  // namespace
}  // namespace llorch
