// Regex: syntax and matches as Oniguruma has them (checked against Hugging Face tokenizers), refusals, linear time.
#include "tokenizer/regex.h"

#include <gtest/gtest.h>

#include <string>

namespace llorch {
namespace {

using Strings = std::vector<std::string>;

Strings matches(const std::string& pattern, const std::string& text) {
  const auto regex = Regex::compile(pattern);
  EXPECT_TRUE(regex.ok()) << pattern << ": " << (regex.ok() ? "" : regex.error().message);
  Strings out;
  if (regex.ok()) {
    for (const RegexMatch& match : regex->find_all(text)) {
      out.push_back(text.substr(match.begin, match.end - match.begin));
    }
  }
  return out;
}

std::string refusal(const std::string& pattern) {
  const auto regex = Regex::compile(pattern);
  return regex.ok() ? "" : regex.error().message;
}

TEST(Regex, LeftmostFirst) {
  EXPECT_EQ(matches("a|ab", "abab"), (Strings{"a", "a"}));
  EXPECT_EQ(matches("ab|a", "abab"), (Strings{"ab", "ab"}));
  EXPECT_EQ(matches("a*?b", "aabb"), (Strings{"aab", "b"}));
  EXPECT_EQ(matches("(?:ab|a)(?:c|bb)", "abbac"), (Strings{"abb", "ac"}));
  EXPECT_EQ(matches("a{2}?", "aaa"), (Strings{"aa", ""}));     // a{2}, or nothing
  EXPECT_EQ(matches("a{1,2}+", "aaaaa"), (Strings{"aaaaa"}));  // (a{1,2})+
  EXPECT_EQ(matches("(?>a|ab)c", "abcac"), (Strings{"ac"}));
  EXPECT_EQ(matches("a++a", "aaa"), (Strings{}));
  EXPECT_EQ(matches("x*", "axb"), (Strings{"", "x", ""}));
}

TEST(Regex, Places) {
  EXPECT_EQ(matches("^.", "ab\ncd\n"), (Strings{"a", "c"}));
  EXPECT_EQ(matches(".$", "ab\ncd\n"), (Strings{"b", "d"}));
  EXPECT_EQ(matches("\\A.|.\\z", "ab\ncd"), (Strings{"a", "d"}));
  EXPECT_EQ(matches("\\b\\w", "ab cd"), (Strings{"a", "c"}));
  EXPECT_EQ(matches("\\s+(?!\\S)|\\s", "a  \n b"), (Strings{"  \n", " "}));
  EXPECT_EQ(matches("(?<=a|bb)c", "acbcbbc"), (Strings{"c", "c"}));
  EXPECT_EQ(matches("(?<!a)c", "acbc"), (Strings{"c"}));
  EXPECT_EQ(matches("\\d{1,3}(?=(?:\\d{3})*\\b)", "1234567"), (Strings{"1", "234", "567"}));
}

TEST(Regex, Classes) {
  EXPECT_EQ(matches("[a-c&&[^b]]", "abcd"), (Strings{"a", "c"}));
  EXPECT_EQ(matches("[[:alpha:]&&[^a]]", "ab1"), (Strings{"b"}));
  EXPECT_EQ(matches("[^a[b]]", "abc"), (Strings{"c"}));
  EXPECT_EQ(matches("[]a-]", "]a-b"), (Strings{"]", "a", "-"}));
  EXPECT_EQ(matches("\\p{Han}+|\\p{^L}", "\u6f22\u5b57a1"), (Strings{"\u6f22\u5b57", "1"}));
  EXPECT_EQ(matches("\\h+", "fox"), (Strings{"f"}));
  EXPECT_EQ(matches("\\w", "\u00b2").size(), 1u);
  EXPECT_EQ(matches("[\\w]", "\u00b2").size(), 0u);
  EXPECT_EQ(matches("\\x{41}\\u0042\\103", "ABC"), (Strings{"ABC"}));
}

TEST(Regex, Flags) {
  EXPECT_EQ(matches("(?i)s", "sS\u017f"), (Strings{"s", "S", "\u017f"}));
  EXPECT_EQ(matches("a(?i)b|c", "aBaCac"), (Strings{"aB", "aC", "ac"}));
  EXPECT_EQ(matches("(?i:a)b", "AbAB"), (Strings{"Ab"}));
  EXPECT_EQ(matches("(?m).", "\n"), (Strings{"\n"}));
  EXPECT_EQ(matches("(?x) a # comment\n b", "ab"), (Strings{"ab"}));
  EXPECT_EQ(matches("a(?#c)+", "aaa"), (Strings{"aaa"}));
  EXPECT_EQ(matches("a(?#c\\)){2}", "aaa"), (Strings{"aa"}));
  EXPECT_EQ(matches("(?#c)a(?#)|b", "ab"), (Strings{"a", "b"}));
}

TEST(Regex, WhatIsNotSupportedIsNamed) {
  EXPECT_NE(refusal("(a)\\1").find("back reference '\\1'"), std::string::npos);
  EXPECT_NE(refusal("\\Ka").find("'\\K'"), std::string::npos);
  EXPECT_NE(refusal("(?s).").find("'(?s'"), std::string::npos);
  EXPECT_NE(refusal("\\p{Klingon}").find("'Klingon'"), std::string::npos);
  EXPECT_NE(refusal("a)").find("')'"), std::string::npos);
  EXPECT_NE(refusal("(a").find("')'"), std::string::npos);
  EXPECT_NE(refusal("[a").find("']'"), std::string::npos);
  EXPECT_NE(refusal("*a").find("'*'"), std::string::npos);
  EXPECT_NE(refusal("a(?#c").find("comment has no end"), std::string::npos);
  EXPECT_NE(refusal("(?:(?:ab){9999}){9999}").find("too large"), std::string::npos);
  EXPECT_NE(refusal("(?:(?:(?:){9999}){9999}){9999}").find("too large"), std::string::npos);
  EXPECT_FALSE(refusal(std::string(100000, '(')).empty());
  EXPECT_FALSE(refusal(std::string(100000, '[')).empty());
  EXPECT_FALSE(refusal("a" + std::string(100000, '*')).empty());
  std::string flags;
  for (int i = 0; i < 10000; ++i) {
    flags += "(?i)";
  }
  EXPECT_FALSE(refusal(flags).empty());
}

/// Twice the text, twice the steps: no more.
TEST(Regex, StepsAreLinearInTheText) {
  const char* kPatterns[] = {"a+b|.",         "a*?b|.",      "(?:a|aa)+b|.",     "(?:a*)*b|.",      "(?=.*b).|.",
                             "(?!.*b).|.",    "a++b|.",      "(?>a*c?)b|.",      "(?>(?:a|c)*)b|.", "(?:ab?)+c|.",
                             "(?:a?){20}b|.", "(?<=^a*)b|.", "(?=(?:a|c)*$)a|.", "\\s+$|a",         "(?:a+a+)+b|."};
  for (const char* pattern : kPatterns) {
    const auto regex = Regex::compile(pattern);
    ASSERT_TRUE(regex.ok()) << pattern;
    const auto steps = [&](std::size_t n) {
      RegexScratch scratch;
      std::vector<RegexMatch> out;
      regex->find_all(std::string(n, 'a'), scratch, out);
      regex->find_all(std::string(n, ' '), scratch, out);
      return scratch.steps();
    };
    EXPECT_LT(steps(20000), 3 * steps(10000)) << pattern;
    EXPECT_LT(steps(20000), 20000u * 200u) << pattern;
  }
}

}  // namespace
}  // namespace llorch
