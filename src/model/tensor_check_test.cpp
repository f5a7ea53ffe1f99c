#include "model/tensor_check.h"

#include <gtest/gtest.h>

#include "support/small_model.h"
#include "support/temp_dir.h"
#include "support/testdata.h"

namespace llorch {
namespace {

using testing::f32s;
using testing::raw;
using testing::small_gguf;
using testing::SmallGguf;
using testing::TempDir;
using testing::write_file;

/// A checkpoint whose bytes it owns.
struct Model {
  std::string image;
  Checkpoint checkpoint;
  explicit Model(const SmallGguf& model) : image(model.bytes()) {
    checkpoint = parse_gguf(std::as_bytes(std::span(image)), "m.gguf").value();
  }
};

TEST(ReadTensors, DigestsOfAll) {
  const Model model(small_gguf());
  const Digests digests = read_tensors(model.checkpoint, nullptr, {}).value();
  EXPECT_EQ(digests.tensors.size(), model.checkpoint.tensors.size());
  Digester digester;
  digester.add(f32s(32));
  EXPECT_EQ(digests.tensors.at("output_norm.weight"), digester.hex());
  EXPECT_EQ(digests.model, model_digest(model.checkpoint, digests).value());
}

TEST(ReadTensors, TheFirstFaultInTheFileIsTold) {
  const std::string nan = raw(0x7FC00000U);
  SmallGguf bad = small_gguf();
  bad.tensor("output.weight").data.replace(0, 4, nan);  // the largest, read first
  bad.tensor("blk.0.ffn_norm.weight").data.replace(8, 4, nan);
  bad.tensor("output_norm.weight").data.replace(0, 4, nan);
  const Model model(bad);
  const std::uint64_t at = model.checkpoint.tensors.at("blk.0.ffn_norm.weight").file_offset + 8;
  EXPECT_EQ(
      read_tensors(model.checkpoint, nullptr, {}).error().message,
      "m.gguf: tensor blk.0.ffn_norm.weight holds a value that is NaN or infinite at offset " + std::to_string(at));
}

TEST(ReadTensors, EveryByteCounts) {
  const TempDir folder;
  const Model good(small_gguf());
  const Digests digests = read_tensors(good.checkpoint, nullptr, {}).value();
  ASSERT_TRUE(write_manifest(folder / "m.json", good.checkpoint, digests).ok());
  const Manifest manifest = read_manifest(folder / "m.json").value();
  EXPECT_TRUE(read_tensors(good.checkpoint, &manifest, {}).ok());
  for (const SmallGguf::Entry& entry : small_gguf().tensors) {
    for (const std::size_t at : {std::size_t{0}, entry.data.size() / 2, entry.data.size() - 1}) {
      SmallGguf bad = small_gguf();
      char& byte = bad.tensor(entry.name).data[at];
      byte = static_cast<char>(byte ^ 1);
      const auto read = read_tensors(Model(bad).checkpoint, &manifest, {});
      ASSERT_FALSE(read.ok()) << entry.name << " at " << at;
      EXPECT_NE(read.error().message.find("tensor '" + entry.name + "' at offset "), std::string::npos)
          << read.error().message;
    }
  }
  SmallGguf renamed = small_gguf();
  renamed.key("general.name").value = testing::raw_text("other");
  const auto read = read_tensors(Model(renamed).checkpoint, &manifest, {});
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.error().message.find("its tensors are the same, its metadata"), std::string::npos);
}

TEST(ReadTensors, ProgressNeverFalls) {
  const Model model(small_gguf());
  double last = 0;
  EXPECT_TRUE(read_tensors(model.checkpoint, nullptr, [&last](double share) {
                EXPECT_GE(share, last);
                EXPECT_LE(share, 1.0);
                last = share;
              }).ok());
  EXPECT_GT(last, 0.0);
}

/// A model in parts has the digest of the whole.
TEST(ReadTensors, PartsHaveTheDigestOfTheWhole) {
  const TempDir folder;
  SmallGguf first = small_gguf(), second;
  second.tensors.push_back(first.tensor("output.weight"));
  first.erase_tensor("output.weight");
  for (SmallGguf* part : {&first, &second}) {
    part->keys.push_back({"split.no", 2, raw(static_cast<std::uint16_t>(part == &first ? 0 : 1))});
    part->keys.push_back({"split.count", 2, raw(std::uint16_t{2})});
  }
  write_file(folder / "m-00001-of-00002.gguf", first.bytes());
  write_file(folder / "m-00002-of-00002.gguf", second.bytes());
  const Checkpoint parts = open_checkpoint(folder / "m-00001-of-00002.gguf").value();
  const Model whole(small_gguf());
  EXPECT_EQ(read_tensors(parts, nullptr, {}).value().model, read_tensors(whole.checkpoint, nullptr, {}).value().model);
}

}  // namespace
}  // namespace llorch
