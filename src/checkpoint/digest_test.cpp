#include "checkpoint/digest.h"

#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "support/gguf_writer.h"
#include "support/temp_dir.h"
#include "support/testdata.h"

namespace llorch {
namespace {

using testing::GgufWriter;
using testing::raw;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

/// Vectors of `xxh128sum`.
TEST(Digester, IsXxh3128InAnyPieces) {
  EXPECT_EQ(Digester().hex(), "99aa06d3014798d86001c324468d497f");
  Digester whole, pieces;
  const std::string text(100'000, 'a');
  whole.add(text);
  for (std::size_t at = 0; at < text.size(); at += 777) {
    pieces.add(std::string_view(text).substr(at, 777));
  }
  EXPECT_EQ(whole.hex(), "819d5302938c790308f809ef04c54838");
  EXPECT_EQ(pieces.hex(), whole.hex());
}

/// Of an image whose tensors have the digests that they say.
std::string digest_of(const GgufWriter& writer, const std::string& tensor_digest = "0") {
  const std::string image = writer.bytes();
  const auto checkpoint = parse_gguf(std::as_bytes(std::span(image)), "a.gguf");
  EXPECT_TRUE(checkpoint.ok());
  Digests digests;
  for (const auto& [name, tensor] : checkpoint->tensors) {
    digests.tensors[name] = tensor_digest;
  }
  return model_digest(*checkpoint, digests).value();
}

GgufWriter model() {
  return GgufWriter().u32("a", 1).text("b", "text").tensor("t", {2, 3}, 0, std::string(24, '\0'));
}

TEST(ModelDigest, CoversNamesTypesShapesDigestsAndKeys) {
  const std::string data(24, '\0');
  const std::string good = digest_of(model());
  EXPECT_EQ(digest_of(model()), good);
  EXPECT_NE(digest_of(model(), "1"), good);
  EXPECT_NE(digest_of(GgufWriter().u32("a", 1).text("b", "text").tensor("u", {2, 3}, 0, data)), good);
  EXPECT_NE(digest_of(GgufWriter().u32("a", 1).text("b", "text").tensor("t", {3, 2}, 0, data)), good);
  EXPECT_NE(digest_of(GgufWriter().u32("a", 1).text("b", "text").tensor("t", {2, 6}, 1, data)), good);
  EXPECT_NE(digest_of(GgufWriter().u32("a", 2).text("b", "text").tensor("t", {2, 3}, 0, data)), good);
  EXPECT_NE(digest_of(GgufWriter().u32("a", 1).text("b", "tex").tensor("t", {2, 3}, 0, data)), good);
  EXPECT_NE(digest_of(GgufWriter().u32("a", 1).tensor("t", {2, 3}, 0, data)), good);
  EXPECT_NE(digest_of(model().array("tokens", 8, {testing::raw_text("x")})), good);
}

TEST(ModelDigest, OrderWidthsAndPartsDoNotMatter) {
  const std::string good = digest_of(model());
  const std::string data(24, '\0');
  EXPECT_EQ(digest_of(GgufWriter().text("b", "text").u16("a", 1).tensor("t", {2, 3}, 0, data)), good);
  EXPECT_EQ(digest_of(model().u16("split.count", 1).u16("split.no", 0).i32("split.tensors.count", 1)), good);
}

TEST(ModelDigest, TextsOfOneArrayAreToldApart) {
  const auto array = [](const std::vector<std::string>& texts) {
    std::vector<std::string> items;
    for (const std::string& text : texts) {
      items.push_back(testing::raw_text(text));
    }
    return digest_of(GgufWriter().array("a", 8, items));
  };
  EXPECT_NE(array({"ab", "c"}), array({"a", "bc"}));
  EXPECT_NE(array({"a 1:b"}), array({"a", "b"}));
  EXPECT_NE(digest_of(GgufWriter().text("a", "1")), digest_of(GgufWriter().u32("a", 1)));
}

TEST(ModelDigest, CoversTheFilesOfADirectory) {
  const TempDir folder;
  const std::string from = testing::data_dir() + "/families/llama/hf/";
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}) {
    write_file(folder / name, read_file(from + name));
  }
  const auto checkpoint = open_checkpoint(folder.path());
  ASSERT_TRUE(checkpoint.ok());
  Digests digests;
  for (const auto& [name, tensor] : checkpoint->tensors) {
    digests.tensors[name] = "0";
  }
  const auto now = [&] { return model_digest(*checkpoint, digests).value(); };
  const std::string good = now();
  write_file(folder / "README.md", "text");
  EXPECT_EQ(now(), good);
  std::filesystem::create_directory(folder / "additional_chat_templates");
  for (const char* name : {"config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json",
                           "chat_template.jinja", "chat_template.json", "additional_chat_templates/rag.jinja"}) {
    const std::string before = now();
    const bool there = std::filesystem::exists(folder / name);
    write_file(folder / name, (there ? read_file(folder / name) : "{}") + " ");
    EXPECT_NE(now(), before) << name;
  }
}

TEST(ModelDigest, AFolderThatCannotBeReadIsToldAndNotLeftOut) {
  const TempDir folder;
  const std::string from = testing::data_dir() + "/families/llama/hf/";
  for (const char* name : {"config.json", "model.safetensors"}) {
    write_file(folder / name, read_file(from + name));
  }
  const auto checkpoint = open_checkpoint(folder.path());
  ASSERT_TRUE(checkpoint.ok());
  Digests digests;
  for (const auto& [name, tensor] : checkpoint->tensors) {
    digests.tensors[name] = "0";
  }
  const std::string templates = folder / "additional_chat_templates";
  write_file(templates, "a file in place of the folder");
  for (const Error& error : {model_digest(*checkpoint, digests).error(), open_checkpoint(folder.path()).error()}) {
    EXPECT_EQ(error.code, ErrorCode::model_file);
    EXPECT_EQ(error.message, templates + ": Not a directory");
  }
}

}  // namespace
}  // namespace llorch
