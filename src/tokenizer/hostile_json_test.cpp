// Damaged and hostile tokenizer.json files: each is refused with a typed error that names file, path and value, or is
// taken and stays harmless. Every case is a merge patch (RFC 7396) of one small sound file.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "tokenizer/tokenizer.h"

namespace llorch {
namespace {

using nlohmann::json;

const json& sound() {
  static const json document = json::parse(R"({
    "added_tokens": [{"id": 4, "content": "<s>", "special": true, "normalized": false}],
    "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
    "model": {"type": "BPE", "unk_token": "<unk>", "vocab": {"<unk>": 0, "a": 1, "b": 2, "ab": 3}, "merges": ["a b"]}
  })");
  return document;
}

struct Case {
  const char* patch;
  const char* error;  // part of it, after the file's name
};

const Case kRefused[] = {
    // Models.
    {R"({"model": null})", "model: is missing"},
    {R"({"model": 3})", "model: is 3"},
    {R"({"model": []})", "model: is a list"},
    {R"({"model": {"type": "Rot13"}})", "model: model type 'Rot13' is not known"},
    {R"({"model": {"type": 7}})", "model.type: is 7"},
    {R"({"model": {"vocab": null}})", "model.vocab: is missing"},
    {R"({"model": {"vocab": []}})", "model.vocab: is a list"},
    {R"({"model": {"vocab": {"z": -1}}})", "model.vocab: 'z' has -1 for an id"},
    {R"({"model": {"vocab": {"z": 1.5}}})", "model.vocab: 'z' has 1.5 for an id"},
    {R"({"model": {"vocab": {"z": "1"}}})", "model.vocab: 'z' has \"1\" for an id"},
    {R"({"model": {"vocab": {"z": 4000000000}}})", "model.vocab: has the id 4000000000"},
    {R"({"model": {"vocab": {"z": 9223372036854775807}}})", "model.vocab: has the id 9223372036854775807"},
    {R"({"model": {"vocab": {"z": 18446744073709551615}}})", "model.vocab: 'z' has 18446744073709551615 for an id"},
    {R"({"model": {"vocab": {"z": 1}}})", "is there twice"},
    {R"({"model": {"merges": null}})", "model.merges: is missing"},
    {R"({"model": {"merges": {"a": "b"}}})", "model.merges: is an object"},
    {R"({"model": {"merges": ["a z"]}})", "model.merges: entry 0 is 'a' + 'z', but 'z'"},
    {R"({"model": {"merges": ["b a"]}})", "entry 0 is 'b' + 'a', but 'ba'"},
    {R"({"model": {"merges": ["ab"]}})", "entry 0 is \"ab\", a pair"},
    {R"({"model": {"merges": ["a b c"]}})", "entry 0 is \"a b c\", a pair"},
    {R"({"model": {"merges": [["a"]]}})", "entry 0 is a list, a pair"},
    {R"({"model": {"merges": [["a", 1]]}})", "entry 0 is a list, a pair"},
    {R"({"model": {"merges": [7]}})", "entry 0 is 7, a pair"},
    {R"({"model": {"unk_token": 5}})", "model.unk_token: is 5"},
    {R"({"model": {"dropout": 0.1}})", "model.dropout: is 0.1"},
    {R"({"model": {"dropout": "x"}})", "model.dropout: is \"x\""},
    {R"({"model": {"fuse_unk": 1}})", "model.fuse_unk: is 1"},
    {R"({"model": {"continuing_subword_prefix": "####"}})", "shorter than the prefix"},
    {R"({"model": {"end_of_word_suffix": 1}})", "model.end_of_word_suffix: is 1"},
    {R"({"model": {"type": "Unigram"}})", "model.vocab: is an object, an array"},
    {R"({"model": {"type": "Unigram", "vocab": []}})", "model.vocab: is empty"},
    {R"({"model": {"type": "Unigram", "vocab": [["a"]]}})", "model.vocab: entry 0"},
    {R"({"model": {"type": "Unigram", "vocab": [["a", null]]}})", "model.vocab: entry 0"},
    {R"({"model": {"type": "Unigram", "vocab": [["a", "NaN"]]}})", "model.vocab: entry 0"},
    {R"({"model": {"type": "Unigram", "vocab": [["a", 0], [1, 0]]}})", "model.vocab: entry 1"},
    {R"({"model": {"type": "Unigram", "vocab": [["a", 0]], "unk_id": 1}})", "model.unk_id: is 1, outside"},
    {R"({"model": {"type": "Unigram", "vocab": [["a", 0]], "unk_id": -1}})", "model.unk_id: is -1, outside"},
    {R"({"model": {"type": "WordPiece", "unk_token": "<unk>", "max_input_chars_per_word": -1}})", "is -1, a count"},
    {R"({"model": {"type": "WordPiece", "unk_token": "<unk>", "max_input_chars_per_word": 1e300}})",
     "is 1e+300, an integer"},
    {R"({"model": {"type": "WordLevel", "unk_token": []}})", "model.unk_token: is a list"},
    // Added tokens.
    {R"({"added_tokens": {}})", "added_tokens: is an object, an array"},
    {R"({"added_tokens": [1]})", "added_tokens[0].id: is missing"},
    {R"({"added_tokens": [{"id": -3, "content": "x"}]})", "added_tokens[0].id: is -3"},
    {R"({"added_tokens": [{"id": 4, "content": 5}]})", "added_tokens[0].content: is 5"},
    {R"({"added_tokens": [{"id": 4, "content": "x", "special": "yes"}]})", "added_tokens[0].special: is \"yes\""},
    // Normalizers.
    {R"({"normalizer": 1})", "normalizer.type: is missing"},
    {R"({"normalizer": {"type": "Sequence"}})", "normalizer.normalizers: is missing"},
    {R"({"normalizer": {"type": "Sequence", "normalizers": [{}]}})", "normalizer.normalizers[0].type: is missing"},
    {R"({"normalizer": {"type": "Prepend"}})", "normalizer.prepend: is missing"},
    {R"({"normalizer": {"type": "Strip", "strip_left": 3}})", "normalizer.strip_left: is 3"},
    {R"({"normalizer": {"type": "Replace", "pattern": "x", "content": ""}})", "normalizer.pattern.Regex: is missing"},
    {R"({"normalizer": {"type": "Replace", "pattern": {"Regex": "(a"}, "content": ""}})",
     "normalizer.pattern.Regex: the regular expression '(a': a ')'"},
    {R"({"normalizer": {"type": "Replace", "pattern": {"Regex": "(a)\\1"}, "content": ""}})",
     "normalizer.pattern.Regex"},
    {R"({"normalizer": {"type": "Replace", "pattern": {"String": "a"}}})", "normalizer.content: is missing"},
    {R"({"normalizer": {"type": "Precompiled"}})", "normalizer.precompiled_charsmap: is missing"},
    {R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "?"}})",
     "normalizer.precompiled_charsmap: is not base64"},
    {R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": ""}})", "the charsmap has 0 bytes"},
    {R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "/////w=="}})", "claims 4294967295 bytes of 0"},
    {R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "BAAAAAAA//8="}})",
     "unit 0 points to unit 4194240 of 1"},
    {R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "BAAAAAD//38="}})", "unit 0 points to unit"},
    {R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "BAAAAAABAAA="}})", "names the replacement"},
    {R"({"normalizer": {"type": "BertNormalizer", "lowercase": "x"}})", "normalizer.lowercase"},
    // Pre-tokenizers, post-processors.
    {R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "["}, "behavior": "Isolated"}})",
     "pre_tokenizer.pattern"},
    {R"({"pre_tokenizer": {"type": "Metaspace", "replacement": ""}})", "pre_tokenizer.replacement"},
    {R"({"pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "first", "add_prefix_space": false}})",
     "pre_tokenizer.prepend_scheme: is 'first', though"},
    {R"({"pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "often"}})", "pre_tokenizer.prepend_scheme"},
    {R"({"post_processor": {"type": "BertProcessing", "sep": ["x", 0]}})", "post_processor.cls: is missing"},
    {R"({"post_processor": {"type": "BertProcessing", "sep": ["x", 0], "cls": ["y"]}})",
     "post_processor.cls: has 1 entries"},
    {R"({"post_processor": {"type": "BertProcessing", "sep": ["x", 0], "cls": ["y", 99]}})", "token id 99"},
    {R"({"post_processor": {"type": "TemplateProcessing", "single": []}})", "post_processor.single: has 0 sequences"},
    {R"({"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}]}})",
     "post_processor.special_tokens.x.ids: is missing"},
    // Decoders.
    {R"({"decoder": {"type": "Strip", "content": " ", "start": -1}})", "start -1"},
    {R"({"decoder": {"type": "Strip", "content": " ", "stop": 99999999999}})", "stop 99999999999"},
    {R"({"decoder": {"type": "Strip", "content": "ab"}})", "decoder.content: is 'ab'"},
    {R"({"decoder": {"type": "BPEDecoder", "suffix": ""}})", "decoder.suffix: is empty"},
    {R"({"decoder": {"type": "CTC", "word_delimiter_token": ""}})", "decoder.word_delimiter_token: is empty"},
    {R"({"decoder": {"type": "WordPiece", "prefix": 1}})", "decoder.prefix: is 1"},
    {R"({"decoder": {"type": "Sequence", "decoders": {"type": "Fuse"}}})", "decoder.decoders: is an object"},
};

TEST(HostileJson, IsRefusedWithPlaceAndValue) {
  for (const Case& c : kRefused) {
    json document = sound();
    document.merge_patch(json::parse(c.patch));
    const auto tokenizer = parse_tokenizer_json(document.dump(), "bad.json");
    ASSERT_FALSE(tokenizer.ok()) << c.patch;
    const std::string& message = tokenizer.error().message;
    EXPECT_EQ(tokenizer.error().code, ErrorCode::model_file) << message;
    EXPECT_TRUE(message.starts_with("bad.json: ")) << message;
    EXPECT_NE(message.find(c.error), std::string::npos) << c.patch << "\n  " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
  EXPECT_GE(std::size(kRefused), 40u);
}

/// Not JSON, or JSON that no parser of ours takes.
TEST(HostileJson, IsNoJson) {
  const std::string text = sound().dump();
  std::string deep_sequence = R"({"type": "NFC"})";
  for (int i = 0; i < 600; ++i) {
    deep_sequence = R"({"type": "Sequence", "normalizers": [)" + deep_sequence + "]}";
  }
  const std::string texts[] = {"",
                               "x",
                               "[]",
                               "null",
                               "7",
                               text.substr(0, text.size() / 2),
                               std::string(100000, '['),
                               "\xFF\xFE" + text,
                               std::string(text).replace(text.find("<unk>"), 5, "\xC3\x28"),
                               std::string(text).replace(text.find("<unk>"), 5, "\\ud800"),
                               std::string(text).replace(text.find("null"), 4, deep_sequence),
                               std::string(text).replace(text.find("null"), 4, "1e999")};
  for (const std::string& bad : texts) {
    const auto tokenizer = parse_tokenizer_json(bad, "bad.json");
    ASSERT_FALSE(tokenizer.ok()) << bad.substr(0, 80);
    EXPECT_TRUE(tokenizer.error().message.starts_with("bad.json: ")) << tokenizer.error().message;
    EXPECT_TRUE(is_utf8(tokenizer.error().message));
  }
}

TEST(HostileJson, GrowthIsBounded) {
  json document = sound();
  json steps = json::array();
  for (int i = 0; i < 40; ++i) {
    steps.push_back({{"type", "Replace"}, {"pattern", {{"Regex", "a*"}}}, {"content", "aaaa"}});
  }
  for (const char* key : {"normalizer", "decoder"}) {
    json grown = document;
    grown[key] = {{"type", "Sequence"}, {std::string(key) + "s", steps}};
    const auto tokenizer = parse_tokenizer_json(grown.dump(), "bad.json");
    ASSERT_FALSE(tokenizer.ok()) << key;
    EXPECT_NE(tokenizer.error().message.find("times as long"), std::string::npos) << tokenizer.error().message;
  }
}

/// Forms of characters make a text longer once, whatever their number: rows of steps as models have them.
TEST(HostileJson, GrowthOfRealNormalizersIsTaken) {
  const char* kTaken[] = {
      R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "NFD"}, {"type": "Lowercase"},
          {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}})",
      R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": "``"}, "content": "\""},
          {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, {"type": "NFKC"}, {"type": "BertNormalizer"},
          {"type": "Replace", "pattern": {"Regex": "(^| ) {2,}\\s"}, "content": "  "}]},
          "pre_tokenizer": {"type": "Metaspace"}})",
      R"({"decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"Regex": "(^a)|\\s+$"},
          "content": "-----------"}, {"type": "Replace", "pattern": {"Regex": "(?:\\d)+"}, "content": "-----------"}]}})",
  };
  for (const char* patch : kTaken) {
    json document = sound();
    document.merge_patch(json::parse(patch));
    const auto tokenizer = parse_tokenizer_json(document.dump(), "real.json");
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  }
  // A sentence in a character, put in again by every step between the forms.
  json steps = json::array();
  for (int i = 0; i < 3; ++i) {
    steps.push_back({{"type", "Replace"}, {"pattern", {{"String", "\u0627"}}}, {"content", "\ufdfa"}});
    steps.push_back({{"type", "NFKD"}});
  }
  json document = sound();
  document["normalizer"] = {{"type", "Sequence"}, {"normalizers", steps}};
  EXPECT_FALSE(parse_tokenizer_json(document.dump(), "bad.json").ok());
}

/// Taken, and no text makes it slow: a megabyte of one character, for every model. Where the work grows with the square
/// of the text (10^12 steps) this does not end, and the tests' runner ends it.
TEST(HostileJson, LongTextsEnd) {
  const char* kModels[] = {
      R"({"model": {"type": "Unigram", "merges": null, "unk_id": 0, "vocab": [["<unk>", 0], ["a", -1], ["aa", -1], ["aaaaaaaa", -5]]}})",
      R"({"model": {"type": "WordPiece", "merges": null, "unk_token": "<unk>", "max_input_chars_per_word": 9223372036854775807,
          "continuing_subword_prefix": "", "vocab": {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": 9}}})",
      R"({"model": {"type": "WordLevel", "merges": null}})",
      R"({"model": {"end_of_word_suffix": "b", "byte_fallback": true}})",
      R"({"decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "Strip", "content": "a", "start": 2147483647, "stop": 2147483647}]}})",
      R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "BertNormalizer"}, {"type": "Strip"}]}})",
  };
  for (const char* patch : kModels) {
    json document = sound();
    document.merge_patch(json::parse(patch));
    const auto tokenizer = parse_tokenizer_json(document.dump(), "long.json");
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    for (const char* piece : {"a", "\xCC\x81", "z", " "}) {
      std::string text;
      while (text.size() < (1u << 20)) {
        text += piece;
      }
      const auto ids = (*tokenizer)->encode(text, {true, true});
      EXPECT_TRUE((*tokenizer)->decode(ids, true).ok());
      const TextSegment segments[] = {{text, true}, {text, false}};
      EXPECT_FALSE((*tokenizer)->encode_segments(segments, {}).empty() && !ids.empty());
    }
  }
}

}  // namespace
}  // namespace llorch
