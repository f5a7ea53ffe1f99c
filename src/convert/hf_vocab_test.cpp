// tokenizer.json -> keys of a GGUF -> tokenizer: the same ids, on reference vectors of real vocabularies (read from
// LLORCH_TESTDATA) and on a small one.
#include "convert/hf_vocab.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "support/json_lines.h"
#include "support/temp_dir.h"
#include "support/testdata.h"
#include "tokenizer/tokenizer.h"

namespace llorch {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

/// A directory with a tokenizer and nothing else.
Checkpoint directory(const std::string& folder) {
  Checkpoint checkpoint;
  checkpoint.container = Container::safetensors;
  checkpoint.path = folder;
  checkpoint.tokenizer_json_path = folder + "/tokenizer.json";
  auto chat = hf_chat_files(folder);
  EXPECT_TRUE(chat.ok());
  checkpoint.chat = std::move(chat).value();
  return checkpoint;
}

/// The GGUF with the vocabulary alone.
struct Converted {
  std::string bytes;
  Checkpoint checkpoint;
  std::vector<std::string> notes;
  std::unique_ptr<Tokenizer> tokenizer;

  Converted(const std::string& folder, const VocabOptions& options) {
    GgufHeader header;
    header.text("general.name", std::filesystem::path(folder).filename().string());
    const Status added = add_vocab_keys(directory(folder), options, header, notes);
    EXPECT_TRUE(added.ok()) << added.error().message;
    bytes = header.bytes();
    auto parsed = parse_gguf(std::as_bytes(std::span(bytes)), folder);
    EXPECT_TRUE(parsed.ok());
    checkpoint = std::move(parsed).value();
    auto made = added.ok() ? make_tokenizer(checkpoint) : Result<std::unique_ptr<Tokenizer>>(added.error());
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
    tokenizer = made.ok() ? std::move(made).value() : nullptr;
  }
};

/// Whether llama.cpp, asked about the same model's GGUF, gives these ids.
bool is_llamacpps(const json& vector, const char* key, const Ids& ids) {
  return vector.contains("llamacpp") && vector["llamacpp"].contains(key) && vector["llamacpp"][key].get<Ids>() == ids;
}

class ConvertedVocab : public ::testing::TestWithParam<std::string> {};

TEST_P(ConvertedVocab, SameIds) {
  LLORCH_NEEDS_EXTRA_DATA("converted vocabulary of " << GetParam());
  const std::string folders = *testing::extra_data_dir() + "/tokenizers/";
  const std::string folder = folders + GetParam();
  const bool has_vectors = std::filesystem::exists(folder + "/vectors.jsonl");
  const Converted converted(folder, {});
  ASSERT_NE(converted.tokenizer, nullptr);
  auto original = load_tokenizer_json(folder + "/tokenizer.json");
  ASSERT_TRUE(original.ok());
  // llama 2's special tokens are "normalized": found and shown after a space only, which a GGUF does not say.
  const bool is_normalized = GetParam() == "llama2";
  int n_checked = 0;
  int n_different = 0;
  for (const json& vector : testing::read_json_lines((has_vectors ? folder : folders + "gpt2") + "/vectors.jsonl")) {
    if (!vector.contains("text")) {
      continue;
    }
    const std::string text = vector["text"].get<std::string>();
    for (const EncodeOptions options :
         {EncodeOptions{false, false}, EncodeOptions{true, false}, EncodeOptions{true, true}}) {
      const Ids wanted = (*original)->encode(text, options);
      const Ids ids = converted.tokenizer->encode(text, options);
      const bool same_text = is_normalized || (*original)->decode(wanted, true).value() ==
                                                  converted.tokenizer->decode(wanted, true).value();
      const char* key = options.add_special ? "ids_special" : options.parse_special ? "ids" : "ids_plain";
      const bool allowed =
          is_normalized && (options.add_special ? vector.contains("llamacpp") : is_llamacpps(vector, key, ids));
      ++n_checked;
      if (((ids != wanted && !allowed) || !same_text) && ++n_different <= 5) {
        ADD_FAILURE() << vector["text"].dump() << ": " << json(ids).dump() << ", expected " << json(wanted).dump();
      }
    }
  }
  EXPECT_EQ(n_different, 0);
  for (const std::string& note : converted.notes) {
    std::cout << note << "\n";
  }
  std::cout << GetParam() << ": " << n_checked << " texts\n";
}

INSTANTIATE_TEST_SUITE_P(Real, ConvertedVocab,
                         ::testing::Values("llama3", "llama3-20k", "qwen2.5_qwen3", "qwen2.5-20k", "gpt2", "llama2",
                                           "tok512", "gpt-oss-20k", "gpt-oss_o200k", "phi-3-mini", "phi-2", "falcon",
                                           "mistral_v1", "mistral_v3"),
                         [](const auto& param) {
                           std::string name = param.param;
                           for (char& c : name) {
                             c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
                           }
                           return name;
                         });

/// models/haiku/hf/tokenizer.json with a part replaced, in a directory of its own.
std::string changed_haiku(const testing::TempDir& folder, const std::string& key, const json& part) {
  json root = json::parse(testing::read_file(std::string(LLORCH_SOURCE_DIR) + "/models/haiku/hf/tokenizer.json"));
  root[json::json_pointer(key)] = part;
  testing::write_file(folder / "tokenizer.json", root.dump());
  return folder.path();
}

std::string refusal(const std::string& folder, const VocabOptions& options) {
  GgufHeader header;
  std::vector<std::string> notes;
  const Status added = add_vocab_keys(directory(folder), options, header, notes);
  EXPECT_FALSE(added.ok());
  return added.ok() ? "" : added.error().message;
}

TEST(HfVocab, HaikuAsItsGgufHasIt) {
  const std::string folder = std::string(LLORCH_SOURCE_DIR) + "/models/haiku";
  const Converted converted(folder + "/hf", {});
  const auto published = open_checkpoint(folder + "/haiku.gguf");
  ASSERT_TRUE(published.ok());
  for (const auto& [key, value] : published->metadata.all()) {
    if (key.starts_with("tokenizer.")) {
      const MetaValue* made = converted.checkpoint.metadata.find(key);
      ASSERT_NE(made, nullptr) << key;
      EXPECT_EQ(*made, value) << key;
    }
  }
}

TEST(HfVocab, TokensUpToTheRowsOfTheEmbedding) {
  const std::string folder = std::string(LLORCH_SOURCE_DIR) + "/models/haiku/hf";
  const Converted converted(folder, {.n_rows = 1923});
  const auto tokens = converted.checkpoint.metadata.strings("tokenizer.ggml.tokens");
  ASSERT_EQ(tokens->size(), 1923U);
  EXPECT_EQ((*tokens)[1922], "[PAD1922]");
  EXPECT_EQ((*converted.checkpoint.metadata.integers("tokenizer.ggml.token_type"))[1922], 5);
  EXPECT_NE(refusal(folder, {.n_rows = 1919}).find("1920 tokens, but the embedding has 1919 rows"), std::string::npos);
}

TEST(HfVocab, WhatNoNameStandsForIsRefused) {
  const testing::TempDir folder;
  const json split = {{"type", "Split"}, {"pattern", {{"Regex", "[aeiou]+"}}}, {"behavior", "Isolated"}};
  const json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  const std::string path =
      changed_haiku(folder, "/pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", {split, bytes}}});
  EXPECT_NE(refusal(path, {}).find("[aeiou]+"), std::string::npos) << refusal(path, {});
  EXPECT_NE(refusal(path, {.pre = "no-such"}).find("'no-such' is not known"), std::string::npos);
  // A name that does not do what the file says: seen by its ids.
  EXPECT_NE(refusal(path, {.pre = "gpt-2"}).find("it would give other ids"), std::string::npos);
}

TEST(HfVocab, OtherKindsAreRefused) {
  const testing::TempDir folder;
  const json unigram = {{"type", "Unigram"},
                        {"unk_id", 0},
                        {"vocab", json::array({json::array({"<unk>", 0.0}), json::array({"a", -1.0})})}};
  EXPECT_NE(refusal(changed_haiku(folder, "/model", unigram), {}).find("Unigram"), std::string::npos);
  EXPECT_NE(refusal(changed_haiku(folder, "/normalizer", {{"type", "Lowercase"}}), {}).find("Lowercase"),
            std::string::npos);
}

}  // namespace
}  // namespace llorch
