// The parts that need no vocabulary: scanners, splits, Unicode, UTF-8, decoders.
#include <gtest/gtest.h>

#include "base/text_forms.h"
#include "base/unicode.h"
#include "base/utf8.h"
#include "tokenizer/decoder.h"
#include "tokenizer/pretokenize.h"

namespace llorch {
namespace {

using Strings = std::vector<std::string>;

Strings run(PreTokenizeStep step, const std::string& text, bool at_start = true) {
  Pieces pieces;
  pieces.set(text, at_start);
  std::vector<PreTokenizeStep> steps;
  steps.emplace_back(std::move(step));
  pre_tokenize(steps, pieces);
  Strings out;
  for (const Span& span : pieces.spans()) {
    out.emplace_back(pieces.piece(span));
  }
  return out;
}

Strings scan_all(Pattern pattern, const std::string& text) {
  return run(SplitStep{pattern, SplitBehavior::isolated, false}, text);
}

TEST(Scanner, Gpt2) {
  EXPECT_EQ(scan_all(Pattern::gpt2, "it's  1234 x\n\n y!?"),
            (Strings{"it", "'s", " ", " 1234", " x", "\n\n", " y", "!?"}));
  EXPECT_EQ(scan_all(Pattern::gpt2, "IT'S "), (Strings{"IT", "'", "S", " "}));
}

TEST(Scanner, Llama3) {
  EXPECT_EQ(scan_all(Pattern::llama3, "IT'S  12345 (x)\r\n\n  y \n\t"),
            (Strings{"IT", "'S", " ", " ", "123", "45", " (", "x", ")\r\n\n", " ", " y", " \n", "\t"}));
  EXPECT_EQ(scan_all(Pattern::llama3, "it'\xC5\xBFhe"), (Strings{"it", "'\xC5\xBF", "he"}));  // long s
  EXPECT_EQ(scan_all(Pattern::qwen2, "12 a"), (Strings{"1", "2", " a"}));
}

TEST(Split, Behaviors) {
  const auto split = [](SplitBehavior behavior, bool invert = false) {
    return run(SplitStep{std::string("-"), behavior, invert}, "a--b-c");
  };
  EXPECT_EQ(split(SplitBehavior::isolated), (Strings{"a", "-", "-", "b", "-", "c"}));
  EXPECT_EQ(split(SplitBehavior::removed), (Strings{"a", "b", "c"}));
  EXPECT_EQ(split(SplitBehavior::removed, true), (Strings{"-", "-", "-"}));
  EXPECT_EQ(split(SplitBehavior::contiguous), (Strings{"a", "--", "b", "-", "c"}));
  EXPECT_EQ(split(SplitBehavior::merged_with_previous), (Strings{"a-", "-", "b-", "c"}));
  EXPECT_EQ(split(SplitBehavior::merged_with_next), (Strings{"a", "-", "-b", "-c"}));
}

TEST(Split, Metaspace) {
  EXPECT_EQ(run(MetaspaceStep{"_", PrependScheme::always, true}, "a b"), (Strings{"_a", "_b"}));
  EXPECT_EQ(run(MetaspaceStep{"_", PrependScheme::first, false}, "a b", false), (Strings{"a_b"}));
  EXPECT_EQ(run(MetaspaceStep{"_", PrependScheme::first, false}, "a b", true), (Strings{"_a_b"}));
  EXPECT_EQ(run(MetaspaceStep{"_", PrependScheme::never, true}, " a", true), (Strings{"_a"}));
}

TEST(Unicode, Categories) {
  EXPECT_EQ(category_of(U'a'), Category::ll);
  EXPECT_EQ(category_of(U'\u6f22'), Category::lo);
  EXPECT_EQ(category_of(U'\u0301'), Category::mn);
  EXPECT_EQ(category_of(U'\u0660'), Category::nd);
  EXPECT_EQ(category_of(U'\U0010FFFF'), Category::cn);
  EXPECT_TRUE(is_white_space(0x3000));
  EXPECT_FALSE(is_white_space(0x180E));
  EXPECT_TRUE(is_word('_'));
  EXPECT_FALSE(is_word('-'));
}

TEST(Unicode, Nfc) {
  EXPECT_EQ(to_nfc("e\u0301"), "\u00e9");
  EXPECT_EQ(to_nfc("\u212b"), "\u00e5" == to_nfc("a\u030a") ? "\u00c5" : "");  // Angstrom sign
  EXPECT_EQ(to_nfc("\u1112\u1161\u11ab"), "\ud55c");                           // Hangul by arithmetic
  EXPECT_EQ(to_nfc("a\u0315\u0300"), "\u00e0\u0315");                          // marks change places
  EXPECT_EQ(to_nfc("\u0958"), "\u0915\u093c");                                 // excluded from composition
  EXPECT_EQ(to_nfc("e\xFF\u0301"), "e\xFF\u0301");
}

/// What hf_growth.cpp takes for granted: how much longer a character becomes by its forms.
TEST(Unicode, FormsAreOfBoundedLength) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) {
      continue;
    }
    std::string text;
    append_utf8(text, c);
    const auto is_within = [&](double factor, const std::string& form) {
      return static_cast<double>(form.size()) <= factor * static_cast<double>(text.size());
    };
    EXPECT_TRUE(is_within(1.5, to_lower(text))) << text;
    EXPECT_TRUE(is_within(3, to_nfd(to_lower(to_nfd(to_lower(text)))))) << text;
    EXPECT_TRUE(is_within(11, to_nfkd(to_lower(to_nfkd(to_lower(text)))))) << text;
    EXPECT_LE(to_nfc(to_nfd(text)).size(), to_nfd(text).size()) << text;
  }
}

TEST(Utf8, Repair) {
  EXPECT_EQ(repair_utf8("a\xE6\xBCz"), "a\uFFFDz");
  EXPECT_EQ(repair_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(repair_utf8("\xF0\x9F\x98"), "\uFFFD");
  EXPECT_EQ(repair_utf8("\xC0\xAF"), "\uFFFD\uFFFD");
  std::string bytes = "a\xF0\x9F\x98";
  EXPECT_EQ(take_utf8(bytes), "a");
  EXPECT_EQ(bytes, "\xF0\x9F\x98");
  bytes += "\x80z";
  EXPECT_EQ(take_utf8(bytes), "\U0001F600z");
  EXPECT_EQ(bytes, "");
}

TEST(Replace, AnEmptyTextHasNoMatches) {
  const ReplaceStep step{"", "x", Regex::compile("^").value()};
  EXPECT_EQ(replace_all(step, ""), "");
  EXPECT_EQ(replace_all(step, "a"), "xa");
}

TEST(Decoder, ByteFallbackRuns) {
  Decoder decoder;
  decoder.steps.emplace_back(ByteFallbackDecode{});
  EXPECT_EQ(decode_tokens(decoder, {"<0xC3>", "<0xA9>", "x"}), "\u00e9x");
  EXPECT_EQ(decode_tokens(decoder, {"<0xC3>", "x"}), "\uFFFDx");
  EXPECT_EQ(decode_tokens(decoder, {"<0xC3>", "<0xA9>", "<0xC3>"}), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(token_bytes(decoder, "<0xC3>"), "\xC3");
}

}  // namespace
}  // namespace llorch
