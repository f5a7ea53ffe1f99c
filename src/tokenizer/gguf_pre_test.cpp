// Pre-tokenizer names of GGUF files: every rule compiles, names are unique.
#include "tokenizer/gguf_pre.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace llorch {
namespace {

std::vector<std::string> cut(const std::string& name, const std::string& text) {
  auto steps = make_pre_steps(*find_pre_rule(name));
  EXPECT_TRUE(steps.ok()) << name;
  Pieces pieces;
  pieces.set(text, true);
  pre_tokenize(*steps, pieces);
  std::vector<std::string> out;
  for (const Span& span : pieces.spans()) {
    out.emplace_back(pieces.piece(span));
  }
  return out;
}

using Strings = std::vector<std::string>;

TEST(GgufPre, EveryRuleCompiles) {
  const auto names = known_pre_names();
  EXPECT_TRUE(std::adjacent_find(names.begin(), names.end()) == names.end());
  for (const std::string_view name : names) {
    const auto steps = make_pre_steps(*find_pre_rule(name));
    EXPECT_TRUE(steps.ok()) << name << ": " << (steps.ok() ? "" : steps.error().message);
  }
  EXPECT_EQ(find_pre_rule("klingon"), nullptr);
}

TEST(GgufPre, Cuts) {
  EXPECT_EQ(cut("deepseek-v3", "ab12345\u6f22c"), (Strings{"ab", "123", "45", "\u6f22", "c"}));
  EXPECT_EQ(cut("tekken", "HelloWorld 12"), (Strings{"Hello", "World", " ", "1", "2"}));
  EXPECT_EQ(cut("gpt-4o", "HelloWorld's"), (Strings{"Hello", "World's"}));
  EXPECT_EQ(cut("superbpe", "1234567"), (Strings{"1", "234", "567"}));
  EXPECT_EQ(cut("afmoe", "1234567"), (Strings{"1", "234", "567"}));
  EXPECT_EQ(cut("kimi-k2", "a\u6f22\u5b57b"), (Strings{"a", "\u6f22\u5b57", "b"}));
  EXPECT_EQ(cut("default", "a+b 1234"), (Strings{"a", "+", "b", " ", "123", "4"}));
}

}  // namespace
}  // namespace llorch
