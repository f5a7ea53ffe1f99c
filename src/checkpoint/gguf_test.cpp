// GGUF: good files give what was written; each kind of damage gives one sentence that names it.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <string>

#include "checkpoint/checkpoint.h"
#include "support/gguf_writer.h"
#include "support/temp_dir.h"
#include "support/testdata.h"

namespace llorch {
namespace {

using testing::GgufWriter;
using testing::raw;
using testing::raw_text;
using testing::TempDir;
using testing::write_file;

Result<Checkpoint> parse(const std::string& image) {
  return parse_gguf({reinterpret_cast<const std::byte*>(image.data()), image.size()}, "a.gguf");
}

/// The error of an image must be typed and hold each of the words.
void expect_refused(const std::string& image, const std::vector<std::string>& words) {
  const auto result = parse(image);
  ASSERT_FALSE(result.ok()) << words.front();
  EXPECT_EQ(result.error().code, ErrorCode::model_file);
  EXPECT_TRUE(result.error().message.starts_with("a.gguf: ")) << result.error().message;
  for (const std::string& word : words) {
    EXPECT_NE(result.error().message.find(word), std::string::npos) << word << " in: " << result.error().message;
  }
}

TEST(Gguf, ReadsEveryKindOfValue) {
  GgufWriter writer;
  writer.key("u8", 0, raw<std::uint8_t>(200)).key("i8", 1, raw<std::int8_t>(-3)).u16("u16", 65535);
  writer.key("i16", 3, raw<std::int16_t>(-300)).u32("u32", 4000000000u).i32("i32", -5).key("f32", 6, raw(1.5f));
  writer.key("yes", 7, "\1").text("name", "tiny").key("u64", 10, raw<std::uint64_t>(INT64_MAX));
  writer.key("i64", 11, raw<std::int64_t>(INT64_MIN)).key("f64", 12, raw(0.25));
  writer.array("words", 8, {raw_text("a"), raw_text("\xff")}).array("floats", 6, {raw(2.0f)});
  writer.array("flags", 7, {"\1", std::string(1, '\0')}).array("none", 5, {});
  const std::string image = writer.bytes();
  const auto checkpoint = parse(image);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  const Metadata& metadata = checkpoint->metadata;
  EXPECT_EQ(*metadata.integer("u8"), 200);
  EXPECT_EQ(*metadata.integer("i8"), -3);
  EXPECT_EQ(*metadata.integer("u16"), 65535);
  EXPECT_EQ(*metadata.integer("i16"), -300);
  EXPECT_EQ(*metadata.integer("u32"), 4000000000);
  EXPECT_EQ(*metadata.integer("i32"), -5);
  EXPECT_EQ(*metadata.integer("u64"), INT64_MAX);
  EXPECT_EQ(*metadata.integer("i64"), INT64_MIN);
  EXPECT_EQ(*metadata.number("f32"), 1.5);
  EXPECT_EQ(*metadata.number("f64"), 0.25);
  EXPECT_EQ(*metadata.number("i32"), -5.0);
  EXPECT_TRUE(*metadata.boolean("yes"));
  EXPECT_EQ(*metadata.string("name"), "tiny");
  ASSERT_EQ(metadata.strings("words")->size(), 2u);
  EXPECT_EQ((*metadata.strings("words"))[1], "\xff");
  EXPECT_EQ(*metadata.numbers("floats"), std::vector<double>{2.0});
  ASSERT_EQ(metadata.integers("flags")->size(), 2u);
  EXPECT_EQ((*metadata.integers("flags"))[0], 1);
  EXPECT_TRUE(metadata.strings("none")->empty());
  EXPECT_TRUE(metadata.integers("none")->empty());
}

TEST(Gguf, TensorsAreInNumpyOrderAndPointIntoTheFile) {
  GgufWriter writer;
  writer.version = 2;
  writer.alignment = 64;
  writer.u32("general.alignment", 64);
  writer.tensor("matrix", {2, 3}, 0, std::string(24, 'x')).tensor("quants", {32, 1, 2}, 8, std::string(68, 'y'));
  const std::string image = writer.bytes();
  const auto checkpoint = parse(image);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  const Tensor* matrix = checkpoint->find("matrix");
  ASSERT_NE(matrix, nullptr);
  EXPECT_EQ(matrix->shape, (std::vector<std::int64_t>{3, 2}));
  EXPECT_EQ(matrix->elements(), 6);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(matrix->data.data()), matrix->data.size()), std::string(24, 'x'));
  EXPECT_EQ(matrix->file_offset % 64, 0u);
  const Tensor* quants = checkpoint->find("quants");
  ASSERT_NE(quants, nullptr);
  EXPECT_EQ(quants->type, DType::q8_0);
  EXPECT_EQ(quants->shape, (std::vector<std::int64_t>{2, 1, 32}));
  EXPECT_EQ(reinterpret_cast<const char*>(quants->data.data()), image.data() + quants->file_offset);
  EXPECT_EQ(checkpoint->tensor_bytes(), 24 + 68);
  EXPECT_EQ(checkpoint->find("other"), nullptr);
}

TEST(Gguf, ReadsEveryFormat) {
  for (const Format& format : formats()) {
    const std::string data(static_cast<std::size_t>(2 * format.block_bytes), 'x');
    const auto cols = static_cast<std::uint64_t>(format.block_len);
    const std::string image =
        GgufWriter().tensor("t", {cols, 2}, static_cast<std::uint32_t>(format.type), data).bytes();
    const auto checkpoint = parse(image);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    EXPECT_EQ(checkpoint->find("t")->type, format.type);
    EXPECT_EQ(checkpoint->find("t")->elements(), 2 * format.block_len);
  }
}

TEST(Gguf, RefusesBadHeaders) {
  expect_refused("", {"0 bytes"});
  expect_refused("GG", {"2 bytes"});
  expect_refused("GGML....", {"not a GGUF file", "GGML"});
  expect_refused("GGUF", {"version", "offset 4"});
  expect_refused("GGUF" + raw(1u) + std::string(64, '\0'), {"version 1"});
  expect_refused("GGUF" + raw(4u) + std::string(64, '\0'), {"version 4"});
  expect_refused("GGUF" + raw(0x03000000u) + std::string(64, '\0'), {"big-endian"});
  const std::string head = "GGUF" + raw(3u);
  expect_refused(head + raw(UINT64_MAX) + raw<std::uint64_t>(0), {"18446744073709551615 tensors"});
  expect_refused(head + raw<std::uint64_t>(0) + raw(std::uint64_t{1} << 60), {"1152921504606846976 keys"});
}

TEST(Gguf, RefusesBadKeys) {
  expect_refused(GgufWriter().u32("a", 1).u32("a", 2).bytes(), {"key a", "twice"});
  expect_refused(GgufWriter().u32("", 1).bytes(), {"key 1 of 1", "empty"});
  expect_refused(GgufWriter().key("a", 13, raw(1)).bytes(), {"key a", "unknown value type 13"});
  expect_refused(GgufWriter().key("a", 7, "\2").bytes(), {"key a", "bool", "2"});
  expect_refused(GgufWriter().key("a", 10, raw(UINT64_MAX)).bytes(), {"key a", "18446744073709551615"});
  expect_refused(GgufWriter().key("a", 8, raw(UINT64_MAX)).bytes(), {"key a", "18446744073709551615 bytes"});
  expect_refused(GgufWriter().array("a", 9, {}).bytes(), {"key a", "array of arrays"});
  expect_refused(GgufWriter().array("a", 99, {}).bytes(), {"key a", "item type 99"});
  expect_refused(GgufWriter().key("a", 9, raw(8u) + raw(std::uint64_t{1} << 40)).bytes(), {"key a", "1099511627776"});
  expect_refused(GgufWriter().key("a\n\x01", 13, raw(1)).bytes(), {"key a\\n\\x01"});
  for (const std::uint32_t alignment : {0u, 3u, 4u, 48u, 1u << 31}) {
    expect_refused(GgufWriter().u32("general.alignment", alignment).bytes(),
                   {"general.alignment", std::to_string(alignment)});
  }
  expect_refused(GgufWriter().text("general.alignment", "32").bytes(), {"general.alignment", "string"});
}

TEST(Gguf, RefusesBadTensors) {
  const std::string data(64, 'x');
  expect_refused(GgufWriter().tensor("t", {256}, 15, data).bytes(), {"tensor 't'", "Q8_K (15) is not supported"});
  expect_refused(GgufWriter().tensor("t", {256}, 77, data).bytes(), {"tensor 't'", "unknown tensor type 77"});
  expect_refused(GgufWriter().tensor("t", {}, 0, data).bytes(), {"tensor 't'", "0 dims"});
  expect_refused(GgufWriter().tensor("t", {1, 1, 1, 1, 1}, 0, data).bytes(), {"tensor 't'", "5 dims"});
  expect_refused(GgufWriter().tensor("t", {4, 0}, 0, data).bytes(), {"tensor 't'", "[0, 4]"});
  expect_refused(GgufWriter().tensor("t", {UINT64_MAX}, 0, data).bytes(), {"tensor 't'", "18446744073709551615"});
  const std::uint64_t huge = std::uint64_t{1} << 31;
  expect_refused(GgufWriter().tensor("t", {huge, huge, huge}, 0, data).bytes(), {"tensor 't'", "63 bits"});
  expect_refused(GgufWriter().tensor("t", {huge, huge}, 0, data).bytes(), {"tensor 't'", "63 bits"});
  expect_refused(GgufWriter().tensor("t", {33}, 8, data).bytes(), {"tensor 't'", "multiple of 32"});
  expect_refused(GgufWriter().tensor("t", {17}, 0, data).bytes(), {"tensor 't'", "68 bytes"});
  expect_refused(GgufWriter().tensor_at("t", {4}, 0, 8).bytes(), {"tensor 't'", "offset 8", "alignment 32"});
  expect_refused(GgufWriter().tensor_at("t", {4}, 0, UINT64_MAX - 31).bytes(), {"tensor 't'", "18446744073709551584"});
  expect_refused(GgufWriter().tensor("t", {4}, 0, data).tensor("t", {4}, 0, data).bytes(), {"tensor 't'", "twice"});
  expect_refused(GgufWriter().tensor("a", {16}, 0, data).tensor_at("b", {4}, 0, 32).bytes(),
                 {"'b'", "overlaps", "'a'"});
  expect_refused(GgufWriter().tensor("", {4}, 0, data).bytes(), {"tensor 1 of 1", "empty"});
}

/// Part `no` of a split set with one tensor in it.
std::string part(int no, int count, std::int32_t n_tensors = 3) {
  GgufWriter writer;
  if (no == 0) {
    writer.text("general.architecture", "llama");
  }
  writer.u16("split.no", static_cast<std::uint16_t>(no)).u16("split.count", static_cast<std::uint16_t>(count));
  writer.i32("split.tensors.count", n_tensors);
  return writer.tensor("t" + std::to_string(no), {4}, 0, std::string(16, static_cast<char>('0' + no))).bytes();
}

std::string part_name(int no) {
  return "m-0000" + std::to_string(no + 1) + "-of-00003.gguf";
}

void write_parts(const TempDir& folder, std::int32_t n_tensors = 3) {
  for (int no = 0; no < 3; ++no) {
    write_file(folder / part_name(no), part(no, 3, n_tensors));
  }
}

void expect_not_opened(const std::string& path, const std::vector<std::string>& words) {
  const auto result = open_checkpoint(path);
  ASSERT_FALSE(result.ok()) << path;
  EXPECT_EQ(result.error().code, ErrorCode::model_file);
  for (const std::string& word : words) {
    EXPECT_NE(result.error().message.find(word), std::string::npos) << word << " in: " << result.error().message;
  }
}

TEST(GgufSplit, PartsBecomeOneCheckpoint) {
  const TempDir folder;
  write_parts(folder);
  const auto checkpoint = open_checkpoint(folder / part_name(0));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->files.size(), 3u);
  ASSERT_EQ(checkpoint->tensors.size(), 3u);
  EXPECT_EQ(checkpoint->find("t2")->file, folder / part_name(2));
  EXPECT_EQ(static_cast<char>(checkpoint->find("t2")->data[0]), '2');
  EXPECT_EQ(*checkpoint->metadata.string("general.architecture"), "llama");
}

TEST(GgufSplit, RefusesIncompleteAndMixedSets) {
  const TempDir folder;
  write_parts(folder);
  expect_not_opened(folder / part_name(1), {"part 2 of 3", "give the first", part_name(0)});
  write_file(folder / "renamed.gguf", part(0, 3));
  expect_not_opened(folder / "renamed.gguf", {"-00001-of-00003.gguf"});
  write_file(folder / part_name(1), part(2, 3));
  expect_not_opened(folder / part_name(0), {part_name(1), "split.no is 2"});
  write_file(folder / part_name(1), part(0, 3));
  expect_not_opened(folder / part_name(0), {part_name(1), "split.no is 0"});
  write_file(folder / part_name(1), part(1, 2));
  expect_not_opened(folder / part_name(0), {part_name(1), "split.count 2"});
  write_file(folder / part_name(1), GgufWriter().tensor("t0", {4}, 0, std::string(16, 'x')).bytes());
  expect_not_opened(folder / part_name(0), {part_name(1), "split.count 1"});
  write_file(folder / part_name(1), part(1, 3).substr(0, 90));
  expect_not_opened(folder / part_name(0), {part_name(1), "ends at 90"});
  std::filesystem::remove(folder / part_name(1));
  expect_not_opened(folder / part_name(0), {"part 2 of 3", part_name(1), "No such file"});
  write_parts(folder, 4);
  expect_not_opened(folder / part_name(0), {"split.tensors.count is 4", "hold 3"});
}

TEST(GgufSplit, APartFromMemoryIsRefused) {
  expect_refused(part(0, 3), {"part 1 of 3"});
  expect_refused(GgufWriter().u16("split.count", 3).u16("split.no", 3).bytes(), {"split.no", "3"});
}

TEST(OpenCheckpoint, RefusesWhatIsNoModel) {
  const TempDir folder;
  expect_not_opened(folder / "missing.gguf", {"missing.gguf", "No such file"});
  expect_not_opened(folder.path(), {folder.path(), "config.json"});
  write_file(folder / "empty.gguf", "");
  expect_not_opened(folder / "empty.gguf", {"empty.gguf", "empty"});
  write_file(folder / "text.gguf", "hello world");
  expect_not_opened(folder / "text.gguf", {"text.gguf", "not a GGUF file"});
  ASSERT_EQ(::mkfifo((folder / "fifo.gguf").c_str(), 0600), 0);
  expect_not_opened(folder / "fifo.gguf", {"fifo.gguf", "regular"});
  write_file(folder / "model.safetensors", "x");
  expect_not_opened(folder / "model.safetensors", {"give the directory"});
}

class GoodFile : public ::testing::TestWithParam<std::string> {};

TEST_P(GoodFile, Opens) {
  const auto checkpoint = open_checkpoint(testing::data_dir() + "/families/" + GetParam() + "/model.gguf");
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->container, Container::gguf);
  EXPECT_EQ(*checkpoint->metadata.string("general.architecture"), GetParam().starts_with("qwen2") ? "qwen2" : "llama");
  const Tensor* embeddings = checkpoint->find("token_embd.weight");
  ASSERT_NE(embeddings, nullptr);
  EXPECT_EQ(embeddings->shape, (std::vector<std::int64_t>{288, 32}));
  EXPECT_GT(checkpoint->metadata.strings("tokenizer.ggml.tokens")->size(), 200u);
}

INSTANTIATE_TEST_SUITE_P(Families, GoodFile,
                         ::testing::Values("llama", "llama31", "llama-linear", "llama-tied", "qwen2"));

TEST(Gguf, OpensEveryFamily) {
  int opened = 0;
  for (const auto& entry : std::filesystem::directory_iterator(testing::data_dir() + "/families")) {
    const auto checkpoint = open_checkpoint(entry.path() / "model.gguf");
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    ++opened;
  }
  EXPECT_EQ(opened, 31);
}

}  // namespace
}  // namespace llorch
