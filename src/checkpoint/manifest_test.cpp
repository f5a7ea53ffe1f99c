#include "checkpoint/manifest.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>

#include "support/gguf_writer.h"
#include "support/temp_dir.h"
#include "support/testdata.h"

namespace llorch {
namespace {

using testing::GgufWriter;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

constexpr const char* kDigest = "0123456789abcdef0123456789abcdef";

/// A checkpoint whose bytes it owns.
struct Model {
  std::string image;
  Checkpoint checkpoint;
  Digests digests;

  explicit Model(const GgufWriter& writer) : image(writer.bytes()) {
    checkpoint = parse_gguf(std::as_bytes(std::span(image)), "m.gguf").value();
    for (const auto& [name, tensor] : checkpoint.tensors) {
      digests.tensors[name] = kDigest;
    }
    digests.model = kDigest;
  }
};

GgufWriter two_tensors() {
  return GgufWriter().tensor("b", {2, 3}, 0, std::string(24, '\0')).tensor("a", {4}, 1, std::string(8, '\0'));
}

Manifest written_and_read(const Model& model, const TempDir& folder) {
  EXPECT_TRUE(write_manifest(folder / "m.json", model.checkpoint, model.digests).ok());
  return read_manifest(folder / "m.json").value();
}

TEST(Manifest, ComesBackAsItWasWritten) {
  const TempDir folder;
  const Model model(two_tensors().tensor("quote \" \xC3\xA9", {1}, 0, std::string(4, '\0')));
  const Manifest manifest = written_and_read(model, folder);
  EXPECT_EQ(manifest.model_digest, kDigest);
  ASSERT_EQ(manifest.tensors.size(), 3U);
  const ManifestTensor& b = manifest.tensors.at("b");
  EXPECT_EQ(b.type, "F32");
  EXPECT_EQ(b.shape, (std::vector<std::int64_t>{3, 2}));
  EXPECT_EQ(b.bytes, 24);
  EXPECT_EQ(b.digest, kDigest);
  EXPECT_TRUE(check_layout(manifest, model.checkpoint).ok());
  EXPECT_TRUE(check_digest(manifest, model.checkpoint.tensors.at("a"), kDigest).ok());
  EXPECT_TRUE(check_model_digest(manifest, model.checkpoint, kDigest).ok());
}

TEST(Manifest, NamesTheFirstDifferenceInTheFile) {
  const TempDir folder;
  const Manifest manifest = written_and_read(Model(two_tensors()), folder);
  const std::string in = " in the manifest " + manifest.path;
  const auto fault = [&manifest](const GgufWriter& writer) {
    return check_layout(manifest, Model(writer).checkpoint).error().message;
  };
  EXPECT_EQ(fault(GgufWriter().tensor("b", {3, 2}, 0, std::string(24, '\0')).tensor("x", {1}, 0, "0000")),
            "m.gguf: tensor 'b' at offset 128 is F32 [2, 3] (24 bytes), but F32 [3, 2] (24 bytes)" + in);
  EXPECT_EQ(fault(GgufWriter().tensor("b", {2, 3}, 1, std::string(12, '\0'))),
            "m.gguf: tensor 'b' at offset 96 is F16 [3, 2] (12 bytes), but F32 [3, 2] (24 bytes)" + in);
  EXPECT_EQ(fault(two_tensors().tensor("x", {1}, 0, "0000")), "m.gguf: tensor 'x' at offset 224 is not" + in);
  EXPECT_EQ(fault(GgufWriter().tensor("b", {2, 3}, 0, std::string(24, '\0'))),
            "m.gguf: tensor 'a' of the manifest " + manifest.path + " is missing");
  const Model model(two_tensors());
  const std::string other(32, '1');
  EXPECT_EQ(check_digest(manifest, model.checkpoint.tensors.at("b"), other).error().message,
            "m.gguf: tensor 'b' at offset 128 has the digest " + other + ", but " + kDigest + in);
  EXPECT_NE(check_model_digest(manifest, model.checkpoint, other).error().message.find(other), std::string::npos);
}

TEST(Manifest, WhatIsNoManifestIsRefused) {
  const TempDir folder;
  written_and_read(Model(two_tensors()), folder);
  const std::string good = read_file(folder / "m.json");
  const auto with = [&good](const std::string& part, const std::string& other) {
    std::string text = good;
    EXPECT_NE(text.find(part), std::string::npos) << part;
    return text.replace(text.find(part), part.size(), other);
  };
  const std::string digest = std::string("\"") + kDigest + "\"";
  const std::pair<std::string, const char*> bad[] = {
      {"{", "m.json: "},
      {"[]", "format must be \"llorch-manifest\""},
      {with("llorch-manifest", "manifest"), "format must be \"llorch-manifest\""},
      {with("\"version\":1", "\"version\":2"), "version must be 1"},
      {with(digest, "\"12\""), "model_digest must be 32 hexadecimal digits"},
      {with("\"xxh3_128\":" + digest, "\"xxh3_128\":5"), "tensors: 'a': xxh3_128 must be 32 hexadecimal digits"},
      {with("[4]", "[-4]"), "tensors: 'a': shape must be a list of whole numbers"},
      {with("\"bytes\":8", "\"bytes\":8.5"), "tensors: 'a': bytes must be a whole number"},
      {with("\"type\":\"F16\",", ""), "tensors: 'a': type must be the name of a format"},
      {with("\"b\":", "\"a\":"), "m.json: "},
  };
  for (const auto& [text, says] : bad) {
    write_file(folder / "m.json", text);
    const auto manifest = read_manifest(folder / "m.json");
    ASSERT_FALSE(manifest.ok()) << text;
    EXPECT_EQ(manifest.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(manifest.error().message.find(says), std::string::npos) << manifest.error().message;
  }
  write_file(folder / "m.json", "");
  EXPECT_EQ(read_manifest(folder / "m.json").error().code, ErrorCode::invalid_argument);
  // A model by mistake: with its size alone, it is not read.
  std::filesystem::resize_file(folder / "m.json", std::uintmax_t{1} << 42U);
  const Error large = read_manifest(folder / "m.json").error();
  EXPECT_EQ(large.code, ErrorCode::invalid_argument);
  EXPECT_EQ(large.message, folder / "m.json: a file of 4398046511104 bytes is no manifest");
  for (const std::string& path : {folder / "none.json", folder.path()}) {
    EXPECT_EQ(read_manifest(path).error().code, ErrorCode::io);
  }
}

TEST(Manifest, ANameThatJsonCannotHoldIsRefused) {
  const TempDir folder;
  const Model model(GgufWriter().tensor("a\xFF", {1}, 0, "0000"));
  const Status status = write_manifest(folder / "m.json", model.checkpoint, model.digests);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::model_file);
  EXPECT_NE(status.error().message.find("'a\\xff'"), std::string::npos) << status.error().message;
  EXPECT_FALSE(std::filesystem::exists(folder / "m.json"));
}

}  // namespace
}  // namespace llorch
