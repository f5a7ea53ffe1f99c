// Tokenizers of a few tokens, made here: what is parsed, what is refused, and how the streams behave.
#include "tokenizer/tokenizer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tokenizer/byte_level.h"
#include "tokenizer/loaders.h"

namespace llorch {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

json byte_vocab() {
  json vocab;
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    std::string text;
    append_byte_level({&byte, 1}, text);
    vocab[text] = b;
  }
  return vocab;
}

json added(int id, const std::string& content, bool special = true) {
  return {{"id", id}, {"content", content}, {"special", special}, {"normalized", false}};
}

/// Bytes, "ab" 256, " ab" 257, "<|end|>" 258, "<tool>" 259 (not special).
json byte_level_json() {
  json vocab = byte_vocab();
  vocab["ab"] = 256;
  vocab
      ["\xC4\xA0"
       "ab"] = 257;
  return {{"added_tokens", {added(258, "<|end|>"), added(259, "<tool>", false)}},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"a b", "\xC4\xA0 ab"}}}}};
}

/// The pieces of llama 2, small: 3 '▁', a, b, '▁a', 'ab', and the bytes of é.
json spm_json() {
  const std::string space = "\xE2\x96\x81";
  json vocab = {{"<unk>", 0}, {"<s>", 1},       {"</s>", 2}, {space, 3},    {"a", 4},
                {"b", 5},     {space + "a", 6}, {"ab", 7},   {"<0xC3>", 8}, {"<0xA9>", 9}};
  const json replace_in = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", space}};
  const json replace_out = {{"type", "Replace"}, {"pattern", {{"String", space}}}, {"content", " "}};
  const json decoders = {replace_out,
                         {{"type", "ByteFallback"}},
                         {{"type", "Fuse"}},
                         {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}};
  const json prepend = {{"type", "Prepend"}, {"prepend", space}};
  const json single = {{{"SpecialToken", {{"id", "<s>"}}}}, {{"Sequence", {{"id", "A"}}}}};
  return {{"added_tokens", {added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")}},
          {"normalizer", {{"type", "Sequence"}, {"normalizers", {prepend, replace_in}}}},
          {"post_processor",
           {{"type", "TemplateProcessing"}, {"single", single}, {"special_tokens", {{"<s>", {{"ids", {1}}}}}}}},
          {"decoder", {{"type", "Sequence"}, {"decoders", decoders}}},
          {"model",
           {{"type", "BPE"},
            {"unk_token", "<unk>"},
            {"fuse_unk", true},
            {"byte_fallback", true},
            {"vocab", vocab},
            {"merges", {space + " a", "a b"}}}}};
}

std::unique_ptr<Tokenizer> parse(const json& document) {
  auto tokenizer = parse_tokenizer_json(document.dump(), "test.json");
  EXPECT_TRUE(tokenizer.ok()) << (tokenizer.ok() ? "" : tokenizer.error().message);
  return tokenizer.ok() ? std::move(tokenizer).value() : nullptr;
}

std::string refusal(const json& document) {
  const auto tokenizer = parse_tokenizer_json(document.dump(), "test.json");
  EXPECT_FALSE(tokenizer.ok());
  EXPECT_TRUE(tokenizer.ok() || tokenizer.error().code == ErrorCode::model_file);
  return tokenizer.ok() ? "" : tokenizer.error().message;
}

TEST(TokenizerJson, SpecialTokensAreParsedOnRequestOthersAlways) {
  const auto tokenizer = parse(byte_level_json());
  EXPECT_EQ(tokenizer->encode("ab ab<|end|>", {true, false}), (Ids{256, 257, 258}));
  EXPECT_EQ(tokenizer->encode("ab<tool>", {}), (Ids{256, 259}));
  EXPECT_EQ(tokenizer->encode("<|end|>", {}), (Ids{'<', '|', 'e', 'n', 'd', '|', '>'}));
  EXPECT_EQ(tokenizer->decode(Ids{256, 258, 257}, false).value(), "ab<|end|> ab");
  EXPECT_EQ(tokenizer->decode(Ids{256, 258, 257}, true).value(), "ab ab");
  EXPECT_EQ(tokenizer->find("<|end|>"), 258);
  EXPECT_TRUE(tokenizer->is_special(258));
  EXPECT_FALSE(tokenizer->is_special(259));
  EXPECT_FALSE(tokenizer->decode(Ids{260}, false).ok());
  EXPECT_FALSE(tokenizer->decode(Ids{-1}, false).ok());
  EXPECT_EQ(tokenizer->piece(-1), "");
}

TEST(TokenizerJson, SentencePieceStyle) {
  const auto tokenizer = parse(spm_json());
  EXPECT_EQ(tokenizer->encode("a ab", {true, true}), (Ids{1, 6, 6, 5}));
  EXPECT_EQ(tokenizer->encode("\xC3\xA9", {}), (Ids{3, 8, 9}));
  EXPECT_EQ(tokenizer->encode("xyb", {}), (Ids{3, 0, 5}));  // fused unknown
  EXPECT_EQ(tokenizer->encode("", {true, true}), (Ids{1}));
  EXPECT_EQ(tokenizer->decode(Ids{6, 6, 5}, false).value(), "a ab");
  EXPECT_EQ(tokenizer->decode(Ids{8}, false).value(), "\xEF\xBF\xBD");
  EXPECT_EQ(tokenizer->bos_id(), 1);
}

TEST(TokenizerJson, DamagedTextBecomesReplacements) {
  const auto tokenizer = parse(byte_level_json());
  EXPECT_EQ(tokenizer->encode("\xFF", {}), (Ids{0xEF, 0xBF, 0xBD}));
  EXPECT_EQ(tokenizer->encode("\xE6\xBC", {}).size(), 3u);  // one for the maximal part
}

TEST(TokenizerJson, AddedTokensTakeSpaceAndRespectWords) {
  json document = byte_level_json();
  document["added_tokens"] = {added(258, "<m>"), added(259, "cat", false)};
  document["added_tokens"][0]["lstrip"] = true;
  document["added_tokens"][0]["rstrip"] = true;
  document["added_tokens"][1]["single_word"] = true;
  const auto tokenizer = parse(document);
  EXPECT_EQ(tokenizer->encode("a \t<m>\n a", {true, false}), (Ids{'a', 258, 'a'}));
  EXPECT_EQ(tokenizer->encode("cat", {}), (Ids{259}));
  EXPECT_EQ(tokenizer->encode("cats", {}), (Ids{'c', 'a', 't', 's'}));
  EXPECT_EQ(tokenizer->encode("(cat)", {}), (Ids{'(', 259, ')'}));
}

using Segments = std::vector<TextSegment>;

TEST(Segments, ControlTokensComeFromTrustedTextOnly) {
  const auto tokenizer = parse(byte_level_json());
  const auto ids = [&](const Segments& segments) { return tokenizer->encode_segments(segments, {}); };
  const Ids text = {'<', '|', 'e', 'n', 'd', '|', '>'};
  EXPECT_EQ(ids({{"<|end|>", true}}), (Ids{258}));
  EXPECT_EQ(ids({{"<|end|>", false}}), text);
  EXPECT_EQ(ids({{"<|en", true}, {"d|>", false}}), text);
  EXPECT_EQ(ids({{"<|en", false}, {"d|>", true}}), text);
  EXPECT_EQ(ids({{"<|en", true}, {"d|>", true}}), (Ids{258}));
  EXPECT_EQ(ids({{"<|end", false}, {"<|end|>", true}}), (Ids{'<', '|', 'e', 'n', 'd', 258}));
  EXPECT_EQ(ids({{"<tool>", false}}), (Ids{'<', 't', 'o', 'o', 'l', '>'}));  // a marker, though not special
  EXPECT_EQ(ids({{"<tool>", true}}), (Ids{259}));
  EXPECT_EQ(ids({}), Ids{});
  // Merges run across borders, damaged characters do not.
  EXPECT_EQ(ids({{" a", true}, {"b", false}}), (Ids{257}));
  EXPECT_EQ(ids({{"\xC3", true}, {"\xA9", false}}), (Ids{0xEF, 0xBF, 0xBD, 0xEF, 0xBF, 0xBD}));
  EXPECT_TRUE(tokenizer->is_control(258));
  EXPECT_TRUE(tokenizer->is_control(259));
  EXPECT_FALSE(tokenizer->is_control(256));
  EXPECT_FALSE(tokenizer->is_control(-1));
}

TEST(Segments, OrdinaryAddedTokensAreRecognisedEverywhere) {
  json document = byte_level_json();
  document["added_tokens"] = {added(258, "   ", false), added(259, "word", false)};
  const auto tokenizer = parse(document);
  EXPECT_EQ(tokenizer->encode_segments(Segments{{"a  ", true}, {" word", false}}, {}), (Ids{'a', 258, 259}));
}

TEST(Segments, TrustPassesTheNormalizer) {
  json document = spm_json();
  document["added_tokens"][1]["normalized"] = true;
  document["added_tokens"][2]["normalized"] = true;
  const auto tokenizer = parse(document);
  const auto ids = [&](const Segments& segments) { return tokenizer->encode_segments(segments, {}); };
  for (const std::string text : {"<s>a", "<s>a </s>", "a </s>b <s> b"}) {
    EXPECT_EQ(ids({{text, true}}), tokenizer->encode(text, {true, false})) << text;
  }
  EXPECT_EQ(ids({{"<s>", true}, {"a", false}, {" </s>", true}}), (Ids{1, 4, 2}));
  const Ids user = ids({{"<s>", true}, {"a </s>", false}});
  EXPECT_EQ(std::count(user.begin(), user.end(), 2), 0);
  EXPECT_EQ(std::count(user.begin(), user.end(), 1), 1);
  // Composition across a border: the letter is nobody's, the tokens around it are found.
  document["normalizer"]["normalizers"].push_back({{"type", "NFC"}});
  const auto composing = parse(document);
  const Ids mixed = composing->encode_segments(Segments{{"<s>a", true}, {"\xCC\x81 </s>", false}, {" </s>", true}}, {});
  EXPECT_EQ(std::count(mixed.begin(), mixed.end(), 1), 1);
  EXPECT_EQ(std::count(mixed.begin(), mixed.end(), 2), 1);
}

TEST(TokenizerJson, AddedTokensAreNumberedAsHuggingFaceDoes) {
  json document = byte_level_json();
  document["added_tokens"] = {added(2000000000, "<y>"), added(400, "<x>"), added(7, "ab"), added(9, "<y>")};
  const auto tokenizer = parse(document);
  EXPECT_EQ(tokenizer->encode("<x><y>ab", {true, false}), (Ids{259, 258, 256}));
  EXPECT_EQ(tokenizer->vocab_size(), 260);
  EXPECT_EQ(tokenizer->warnings().size(), 4u);
}

TEST(TokenizerJson, WhatIsNotSupportedIsNamed) {
  json document = byte_level_json();
  document["normalizer"] = {{"type", "Rot13"}};
  EXPECT_NE(refusal(document).find("normalizer type 'Rot13'"), std::string::npos);
  document = byte_level_json();
  document["decoder"] = {{"type", "Rot13"}};
  EXPECT_NE(refusal(document).find("decoder type 'Rot13'"), std::string::npos);
  document = byte_level_json();
  document["pre_tokenizer"] = {
      {"type", "Split"}, {"pattern", {{"Regex", "(a)\\1"}}}, {"behavior", "Isolated"}, {"invert", false}};
  EXPECT_NE(refusal(document).find("'(a)\\1': the back reference"), std::string::npos);
  document = byte_level_json();
  document["post_processor"] = {{"type", "Rot13"}};
  EXPECT_NE(refusal(document).find("post_processor type 'Rot13'"), std::string::npos);
  document = byte_level_json();
  document["model"]["type"] = "Rot13";
  EXPECT_NE(refusal(document).find("model type 'Rot13'"), std::string::npos);
  document = byte_level_json();
  for (int i = 0; i < 8; ++i) {
    document["normalizer"]["normalizers"].push_back(
        {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}});
  }
  document["normalizer"]["type"] = "Sequence";
  document["model"]["type"] = "BPE";
  EXPECT_NE(refusal(document).find("times as long"), std::string::npos);
  document = byte_level_json();
  document["model"]["dropout"] = 0.1;
  EXPECT_NE(refusal(document).find("model.dropout"), std::string::npos);
}

TEST(TokenizerJson, AnUnknownTokenThatIsNotThereIsLeftOut) {
  json document = spm_json();
  document["model"]["unk_token"] = "zz";
  const auto tokenizer = parse(document);
  EXPECT_EQ(tokenizer->encode("xb", {}), (Ids{3, 5}));
  ASSERT_EQ(tokenizer->warnings().size(), 1u);
  EXPECT_NE(tokenizer->warnings()[0].find("model.unk_token: 'zz' is not in the vocabulary"), std::string::npos);
}

TEST(TokenizerJson, MergesMayBeginWithTheirVersion) {
  json document = byte_level_json();
  document["model"]["merges"] = {"#version: 0.2", "a b", "\xC4\xA0 ab"};
  EXPECT_EQ(parse(document)->encode("ab", {}), (Ids{256}));
}

TEST(TokenizerJson, ATextThatIsSpecialIsSkippedWhateverItsId) {
  json document = byte_level_json();
  document["added_tokens"] = {added(3, "<s>")};
  document["model"] =
      json::parse(R"({"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["<s>", 0], ["a", -1], ["<s>", -1]]})");
  document.erase("decoder");
  document.erase("pre_tokenizer");
  EXPECT_EQ(parse(document)->decode(Ids{1, 2, 3}, true).value(), "a");
  EXPECT_EQ(parse(document)->decode(Ids{1, 2, 3}, false).value(), "<s> a <s>");
}

TEST(TokenizerJson, LongValuesLeaveTheReasonReadable) {
  json document = byte_level_json();
  const std::string pattern = "(a)" + std::string(5000, 'x') + "\\1";
  document["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}};
  EXPECT_NE(refusal(document).find("back reference"), std::string::npos);
  EXPECT_LT(refusal(document).size(), 600u);
}

TEST(TokenizerJson, DamagedVocabulariesAreRefused) {
  json document = byte_level_json();
  document["model"]["vocab"]["zz"] = 256;
  EXPECT_NE(refusal(document).find("is there twice"), std::string::npos);
  document = byte_level_json();
  document["model"]["vocab"]["zz"] = -4;
  EXPECT_NE(refusal(document).find("'zz' has -4 for an id"), std::string::npos);
  document = byte_level_json();
  document["model"]["vocab"]["zz"] = 2000000000;
  EXPECT_NE(refusal(document).find("too large"), std::string::npos);
  document = byte_level_json();
  document["model"]["merges"] = {"a zz"};
  EXPECT_NE(refusal(document).find("'zz' is not in the vocabulary"), std::string::npos);
  document = byte_level_json();
  document["model"]["vocab"].erase("x");
  EXPECT_NE(refusal(document).find("no token for byte 0x78"), std::string::npos);
  document = byte_level_json();
  document["added_tokens"] = {added(-1, "<x>")};
  EXPECT_NE(refusal(document).find("added_tokens[0].id: is -1, no token id"), std::string::npos);
  EXPECT_FALSE(parse_tokenizer_json("", "x").ok());
  EXPECT_FALSE(parse_tokenizer_json(std::string(100000, '['), "x").ok());
  EXPECT_FALSE(parse_tokenizer_json("[]", "x").ok());
}

TEST(TokenizerJson, LongRunsOfOneCharacter) {
  const auto bytes = parse(byte_level_json());
  const auto pieces = parse(spm_json());
  for (const char* c : {"a", " ", "1", "!", "\n", "\xCC\x81"}) {
    std::string text;
    while (text.size() < (1u << 20)) {
      text += c;
    }
    EXPECT_EQ(bytes->decode(bytes->encode(text, {}), false).value(), text);
    EXPECT_FALSE(pieces->encode(text, {}).empty());
  }
}

TEST(StreamDecoder, WholeCharactersOnly) {
  const auto tokenizer = parse(byte_level_json());
  StreamDecoder decoder(*tokenizer, true);
  EXPECT_EQ(decoder.push(0xE6), "");
  EXPECT_EQ(decoder.push(0xBC), "");
  EXPECT_EQ(decoder.push(0xA2), "\xE6\xBC\xA2");
  EXPECT_EQ(decoder.push(0xE6), "");
  EXPECT_EQ(decoder.push('a'),
            "\xEF\xBF\xBD"
            "a");
  EXPECT_EQ(decoder.push(0xFF), "\xEF\xBF\xBD");
  EXPECT_EQ(decoder.push(0xF0), "");
  EXPECT_EQ(decoder.finish(), "\xEF\xBF\xBD");
  EXPECT_EQ(decoder.finish(), "");
}

TEST(StreamDecoder, FirstSpaceIsStrippedOnce) {
  const auto tokenizer = parse(spm_json());
  StreamDecoder begin(*tokenizer, true);
  EXPECT_EQ(begin.push(1), "");  // hidden: the text has not begun
  EXPECT_EQ(begin.push(6), "a");
  EXPECT_EQ(begin.push(6), " a");
  StreamDecoder inside(*tokenizer, false);
  EXPECT_EQ(inside.push(6), " a");
}

Metadata gguf_metadata(std::string_view pre) {
  // Storage of the strings that MetaArray points to.
  static std::vector<std::string> texts;
  if (texts.empty()) {
    for (int b = 0; b < 256; ++b) {
      const char byte = static_cast<char>(b);
      append_byte_level({&byte, 1}, texts.emplace_back());
    }
    texts.insert(texts.end(), {"ab", "<|im_end|>"});
  }
  Metadata metadata("test.gguf");
  metadata.set("tokenizer.ggml.model", std::string("gpt2"));
  if (!pre.empty()) {
    metadata.set("tokenizer.ggml.pre", std::string(pre));
  }
  metadata.set("tokenizer.ggml.tokens", MetaArray(std::vector<std::string_view>(texts.begin(), texts.end())));
  std::vector<std::int64_t> types(texts.size(), 1);
  types.back() = 3;
  metadata.set("tokenizer.ggml.token_type", MetaArray(types));
  metadata.set("tokenizer.ggml.merges", MetaArray(std::vector<std::string_view>{"a b"}));
  return metadata;
}

std::string gguf_refusal(const Metadata& metadata) {
  const auto tokenizer = load_gguf_tokenizer(metadata);
  return tokenizer.ok() ? "" : tokenizer.error().message;
}

TEST(Gguf, BytePairs) {
  const auto tokenizer = load_gguf_tokenizer(gguf_metadata("gpt-2"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->encode("ab<|im_end|>", {true, true}), (Ids{256, 257}));
  EXPECT_EQ((*tokenizer)->end_ids().size(), 1u);
  EXPECT_TRUE((*tokenizer)->warnings().empty());
}

TEST(Gguf, PreTokenizerNames) {
  const auto tokenizer = load_gguf_tokenizer(gguf_metadata(""));
  ASSERT_TRUE(tokenizer.ok());
  EXPECT_EQ((*tokenizer)->warnings().size(), 1u);
  const std::string message = gguf_refusal(gguf_metadata("klingon"));
  EXPECT_NE(message.find("'klingon'"), std::string::npos);
  EXPECT_NE(message.find("qwen2"), std::string::npos);
}

TEST(Gguf, SpmFilesMayLeaveOutTheirSpecialTokens) {
  std::vector<std::string> texts = {"<unk>", "<s>", "</s>"};
  for (int i = 0; i < 256; ++i) {
    texts.push_back(fmt::format("<0x{:02X}>", i));
  }
  Metadata metadata("spm.gguf");
  metadata.set("tokenizer.ggml.model", std::string("llama"));
  metadata.set("tokenizer.ggml.tokens", MetaArray(std::vector<std::string_view>(texts.begin(), texts.end())));
  metadata.set("tokenizer.ggml.scores", MetaArray(std::vector<double>(texts.size(), 0.0)));
  const auto tokenizer = load_gguf_tokenizer(metadata);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->bos_id(), 1);
  EXPECT_EQ(Ids((*tokenizer)->end_ids().begin(), (*tokenizer)->end_ids().end()), (Ids{2}));
  EXPECT_EQ((*tokenizer)->encode("", {true, true}), (Ids{1}));
}

TEST(Gguf, DamagedVocabulariesAreRefused) {
  Metadata metadata = gguf_metadata("gpt-2");
  metadata.set("tokenizer.ggml.eos_token_id", std::int64_t{258});
  EXPECT_NE(gguf_refusal(metadata).find("tokenizer.ggml.eos_token_id"), std::string::npos);
  Metadata spm("spm.gguf");
  spm.set("tokenizer.ggml.model", std::string("llama"));
  spm.set("tokenizer.ggml.tokens", MetaArray(std::vector<std::string_view>{"<unk>", "a"}));
  EXPECT_NE(gguf_refusal(spm).find("tokenizer.ggml.scores"), std::string::npos);
  Metadata short_scores = spm;
  short_scores.set("tokenizer.ggml.scores", MetaArray(std::vector<double>{0}));
  EXPECT_NE(gguf_refusal(short_scores).find("has 1 entries, tokenizer.ggml.tokens has 2"), std::string::npos);
  Metadata nan_scores = spm;
  nan_scores.set("tokenizer.ggml.scores", MetaArray(std::vector<double>{0, std::nan("")}));
  EXPECT_NE(gguf_refusal(nan_scores).find("scores[1]"), std::string::npos);
  Metadata bad_type = spm;
  bad_type.set("tokenizer.ggml.token_type", MetaArray(std::vector<std::int64_t>{1, 7}));
  EXPECT_NE(gguf_refusal(bad_type).find("token_type[1] is 7"), std::string::npos);
  spm.set("tokenizer.ggml.scores", MetaArray(std::vector<double>{0, 0}));
  EXPECT_NE(gguf_refusal(spm).find("no byte token '<0x00>'"), std::string::npos);
}

}  // namespace
}  // namespace llorch
