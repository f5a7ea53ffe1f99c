// SafeTensors and Hugging Face directories: good ones give what was written; damage gives one sentence that names it.
#include "checkpoint/safetensors.h"

#include <gtest/gtest.h>

#include <string>

#include "checkpoint/config_json.h"
#include "support/gguf_writer.h"
#include "support/temp_dir.h"
#include "support/testdata.h"

namespace llorch {
namespace {

using testing::raw;
using testing::TempDir;
using testing::write_file;

std::string image(const std::string& header, std::size_t data_bytes) {
  return raw(static_cast<std::uint64_t>(header.size())) + header + std::string(data_bytes, 'x');
}

/// {"NAME":{"dtype":...,"shape":[...],"data_offsets":[...]}}
std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets,
                  const std::string& name = "t") {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape + "],\"data_offsets\":[" + offsets + "]}";
}

Result<std::vector<Tensor>> parse(const std::string& bytes) {
  return parse_safetensors({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}, "a.safetensors");
}

void expect_error(const Error& error, const std::vector<std::string>& words) {
  EXPECT_EQ(error.code, ErrorCode::model_file);
  EXPECT_EQ(error.message.find('\n'), std::string::npos);
  for (const std::string& word : words) {
    EXPECT_NE(error.message.find(word), std::string::npos) << word << " in: " << error.message;
  }
}

void expect_refused(const std::string& bytes, const std::vector<std::string>& words) {
  const auto result = parse(bytes);
  ASSERT_FALSE(result.ok()) << words.front();
  EXPECT_TRUE(result.error().message.starts_with("a.safetensors: ")) << result.error().message;
  expect_error(result.error(), words);
}

TEST(Safetensors, ReadsTensorsInFileOrder) {
  const std::string bytes = image("{\"__metadata__\":{\"format\":\"pt\"}," + entry("BF16", "3", "16,22", "a") + "," +
                                      entry("F32", "2,2", "0,16", "b") + "," + entry("F16", "", "22,24", "c") + "}  ",
                                  24);
  const auto tensors = parse(bytes);
  ASSERT_TRUE(tensors.ok()) << tensors.error().message;
  ASSERT_EQ(tensors->size(), 3u);
  EXPECT_EQ((*tensors)[0].name, "b");
  EXPECT_EQ((*tensors)[0].shape, (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ((*tensors)[0].data.size(), 16u);
  EXPECT_EQ((*tensors)[1].type, DType::bf16);
  EXPECT_EQ((*tensors)[2].shape, std::vector<std::int64_t>{1});
  EXPECT_EQ((*tensors)[2].file_offset, bytes.size() - 2);
  EXPECT_EQ(reinterpret_cast<const char*>((*tensors)[2].data.data()), bytes.data() + bytes.size() - 2);
}

TEST(Safetensors, ReadsFp8) {
  const std::string bytes = image("{" + entry("F8_E4M3", "2,4", "0,8") + "}", 8);
  const auto tensors = parse(bytes);
  ASSERT_TRUE(tensors.ok()) << tensors.error().message;
  EXPECT_EQ((*tensors)[0].type, DType::f8_e4m3);
  EXPECT_EQ((*tensors)[0].data.size(), 8u);
}

TEST(Safetensors, RefusesBadHeaders) {
  expect_refused("1234567", {"7 bytes"});
  expect_refused(raw(UINT64_MAX), {"header length is 18446744073709551615"});
  expect_refused(raw<std::uint64_t>(3) + "{}", {"header length is 3", "10 bytes"});
  expect_refused(raw<std::uint64_t>(0), {"starts with ''"});
  expect_refused(image(" {}", 0), {"starts with ' '"});
  expect_refused(image("{\"a\":", 0), {"JSON"});
  expect_refused(image("{\"a\":1}", 0), {"tensor 'a'", "number"});
  expect_refused(image("{" + entry("F32", "", "0,4") + "," + entry("F32", "", "0,4") + "}", 4), {"'t'", "twice"});
  std::string deep(100'000, '[');
  expect_refused(image("{\"a\":" + deep, 0), {"nested"});
}

TEST(Safetensors, RefusesBadTensors) {
  expect_refused(image("{" + entry("F8_E5M2", "8", "0,8") + "}", 8), {"'t'", "dtype F8_E5M2"});
  expect_refused(image("{" + entry("Q8_0", "32", "0,34") + "}", 34), {"'t'", "dtype Q8_0"});
  expect_refused(image("{" + entry("F32", "0", "0,0") + "}", 0), {"'t'", "[0]"});
  expect_refused(image("{" + entry("F32", "-1", "0,4") + "}", 4), {"'t'", "shape holds -1"});
  expect_refused(image("{" + entry("F32", "1.5", "0,4") + "}", 4), {"'t'", "shape holds 1.5"});
  expect_refused(image("{" + entry("F32", "1,1,1,1,1", "0,4") + "}", 4), {"'t'", "5 dims"});
  expect_refused(image("{" + entry("F32", "4294967296,4294967296", "0,4") + "}", 4), {"'t'", "63 bits"});
  expect_refused(image("{" + entry("F32", "1", "0,5") + "}", 4), {"'t'", "[0, 5]", "4 bytes"});
  expect_refused(image("{" + entry("F32", "1", "4,0") + "}", 4), {"'t'", "[4, 0]"});
  expect_refused(image("{" + entry("F32", "1", "0,4,4") + "}", 4), {"'t'", "3 numbers"});
  expect_refused(image("{" + entry("F32", "2", "0,4") + "}", 4), {"'t'", "needs 8"});
  expect_refused(image("{" + entry("F32", "1", "4,8") + "}", 8), {"'t'", "4 bytes", "no tensor"});
  expect_refused(image("{" + entry("F32", "1", "0,4") + "}", 8), {"4 bytes", "after the last tensor"});
  expect_refused(image("{" + entry("F32", "2", "0,8", "a") + "," + entry("F32", "2", "4,12", "b") + "}", 12),
                 {"'b'", "overlaps", "'a'"});
  expect_refused(image("{\"t\":{\"shape\":[],\"data_offsets\":[0,4]}}", 4), {"'t'", "dtype"});
  expect_refused(image("{\"t\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4), {"'t'", "shape"});
  expect_refused(image("{\"t\":{\"dtype\":\"F32\",\"shape\":[]}}", 4), {"'t'", "data_offsets"});
}

/// A model of two shards: a in the first, b in the second.
void write_model(const TempDir& folder) {
  write_file(folder / "config.json", R"({"architectures":["X"],"n":3})");
  write_file(folder / "s1.safetensors", image("{" + entry("F32", "1", "0,4", "a") + "}", 4));
  write_file(folder / "s2.safetensors", image("{" + entry("F16", "1", "0,2", "b") + "}", 2));
  write_file(folder / "model.safetensors.index.json", R"({"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}})");
}

void expect_not_opened(const TempDir& folder, const std::vector<std::string>& words) {
  const auto result = open_checkpoint(folder.path());
  ASSERT_FALSE(result.ok()) << words.front();
  EXPECT_TRUE(result.error().message.starts_with(folder.path())) << result.error().message;
  expect_error(result.error(), words);
}

TEST(HfDirectory, ReadsShardsByTheIndex) {
  const TempDir folder;
  write_model(folder);
  write_file(folder / "tokenizer.json", "{}");
  write_file(folder / "tokenizer_config.json", R"({"chat_template":"{{ one }}"})");
  auto checkpoint = open_checkpoint(folder.path());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->container, Container::safetensors);
  EXPECT_EQ(checkpoint->files.size(), 2u);
  EXPECT_EQ(checkpoint->find("b")->file, folder / "s2.safetensors");
  EXPECT_EQ(checkpoint->tokenizer_json_path, folder / "tokenizer.json");
  EXPECT_EQ(checkpoint->chat.find("default")->text, "{{ one }}");
  EXPECT_EQ((*checkpoint->metadata.strings("architectures"))[0], "X");

  write_file(folder / "tokenizer_config.json",
             R"({"chat_template":[{"name":"tool_use","template":"t"},{"name":"default","template":"d"}],
                 "bos_token":"<s>","eos_token":{"content":"</s>"},"pad_token":null})");
  checkpoint = open_checkpoint(folder.path());
  EXPECT_EQ(checkpoint->chat.find("default")->text, "d");
  EXPECT_EQ(checkpoint->chat.find("tool_use")->text, "t");
  const std::vector<std::pair<std::string, std::string>> texts = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  EXPECT_EQ(checkpoint->chat.token_texts, texts);

  write_file(folder / "chat_template.jinja", "{{ file }}");
  std::filesystem::create_directory(folder / "additional_chat_templates");
  write_file(folder / "additional_chat_templates/rag.jinja", "r");
  checkpoint = open_checkpoint(folder.path());
  EXPECT_EQ(checkpoint->chat.find("default")->text, "{{ file }}");
  EXPECT_EQ(checkpoint->chat.find("rag")->text, "r");
  EXPECT_EQ(checkpoint->chat.find("tool_use"), nullptr);  // files take the place of the config's, as in transformers

  write_file(folder / "tokenizer_config.json", R"({"chat_template":[{"name":"x"}]})");
  expect_not_opened(folder, {"tokenizer_config.json", "chat_template[0]", "template"});
}

TEST(HfDirectory, RefusesBadIndexes) {
  const TempDir folder;
  write_model(folder);
  const std::string index = folder / "model.safetensors.index.json";
  for (const std::string name : {"../s1.safetensors", "/s1.safetensors", "..", "", "s1.bin", "a/s1.safetensors"}) {
    write_file(index, R"({"weight_map":{"a":")" + name + R"("}})");
    expect_not_opened(folder, {"'a'", "\"" + name + "\""});
  }
  write_file(index, R"({"weight_map":{"a":7}})");
  expect_not_opened(folder, {"'a'", "7"});
  write_file(index, R"({"weight_map":[]})");
  expect_not_opened(folder, {"weight_map"});
  write_file(index, "{");
  expect_not_opened(folder, {"index.json", "JSON"});
  write_file(index, R"({"weight_map":{"a":"s1.safetensors","b":"s1.safetensors"}})");
  expect_not_opened(folder, {"'b'", "s1.safetensors", "lacks"});
  write_file(index, R"({"weight_map":{"a":"s1.safetensors","b":"s3.safetensors"}})");
  expect_not_opened(folder, {"s3.safetensors", "No such file"});
  write_file(folder / "s2.safetensors", image("{" + entry("F32", "1", "0,4", "a") + "}", 4));
  write_file(index, R"({"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}})");
  expect_not_opened(folder, {"'a'", "twice"});
  write_file(folder / "s2.safetensors",
             image("{" + entry("F32", "1", "0,4", "b") + "," + entry("F32", "1", "4,8", "c") + "}", 8));
  expect_not_opened(folder, {"'c'", "not in the index"});
  std::filesystem::remove(index);
  expect_not_opened(folder, {"neither"});
}

TEST(HfDirectory, RefusesBadConfigs) {
  const TempDir folder;
  write_model(folder);
  for (const std::string text : {"", "{", "[]", "{\"a\":1,\"a\":2}", "{\"a\":{\"b\":1},\"a.b\":2}", "nul"}) {
    write_file(folder / "config.json", text);
    expect_not_opened(folder, {"config.json"});
  }
  write_file(folder / "config.json", "{\"" + std::string(1000, 'k') + "\":1}");
  expect_not_opened(folder, {"config.json", "1000 bytes"});
}

TEST(ConfigJson, FlattensToDottedKeys) {
  std::vector<std::shared_ptr<const std::string>> strings;
  const auto metadata = flatten_config(
      R"({"a":1,"b":{"c":2.5,"d":{"e":"x"}},"none":null,"ok":true,"ints":[1,2],"mixed":[1,2.5],"words":["p","q"],
          "empty":[],"objects":[{}],"big":18446744073709551615})",
      "config.json", strings);
  ASSERT_TRUE(metadata.ok()) << metadata.error().message;
  EXPECT_EQ(*metadata->integer("a"), 1);
  EXPECT_EQ(*metadata->number("b.c"), 2.5);
  EXPECT_EQ(*metadata->string("b.d.e"), "x");
  EXPECT_FALSE(metadata->has("none"));
  EXPECT_TRUE(metadata->is_null("none"));
  EXPECT_FALSE(metadata->is_null("nothing"));
  EXPECT_FALSE(metadata->has("objects"));
  EXPECT_TRUE(*metadata->boolean("ok"));
  EXPECT_EQ(metadata->integers("ints")->size(), 2u);
  EXPECT_EQ(*metadata->numbers("mixed"), (std::vector<double>{1, 2.5}));
  EXPECT_EQ((*metadata->strings("words"))[1], "q");
  EXPECT_TRUE(metadata->strings("empty")->empty());
  EXPECT_EQ(*metadata->number("big"), 18446744073709551615.0);
}

class GoodDirectory : public ::testing::TestWithParam<std::string> {};

TEST_P(GoodDirectory, Opens) {
  const auto checkpoint = open_checkpoint(testing::data_dir() + "/families/" + GetParam() + "/hf");
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  const Tensor* embeddings = checkpoint->find("model.embed_tokens.weight");
  ASSERT_NE(embeddings, nullptr);
  EXPECT_EQ(embeddings->shape, (std::vector<std::int64_t>{288, 32}));
  EXPECT_EQ(*checkpoint->metadata.integer("hidden_size"), 32);
  EXPECT_FALSE(checkpoint->tokenizer_json_path.empty());
}

INSTANTIATE_TEST_SUITE_P(Families, GoodDirectory,
                         ::testing::Values("llama", "llama31", "llama-linear", "llama-tied", "qwen2"));

TEST(HfDirectory, OpensEveryFamilyOfTheLargeSet) {
  LLORCH_NEEDS_EXTRA_DATA("families as Hugging Face directories, one of them sharded");
  int opened = 0;
  for (const auto& item : std::filesystem::directory_iterator(*testing::extra_data_dir() + "/families")) {
    const std::string path = item.path() / "hf";
    if (!std::filesystem::exists(path)) {
      continue;
    }
    const auto checkpoint = open_checkpoint(path);
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    opened += checkpoint.ok() ? 1 : 0;
  }
  EXPECT_GE(opened, 15);
}

}  // namespace
}  // namespace llorch
