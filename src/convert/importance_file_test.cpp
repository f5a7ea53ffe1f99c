#include "convert/importance_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "support/gguf_writer.h"
#include "support/temp_dir.h"

namespace llorch {
namespace {

constexpr std::uint32_t kF32 = 0;

std::string floats(const std::vector<float>& values) {
  std::string bytes;
  for (const float value : values) {
    bytes += testing::raw(value);
  }
  return bytes;
}

void expect_refused(const testing::GgufWriter& file, const std::vector<std::string>& parts) {
  const testing::TempDir folder;
  std::ofstream(folder / "x.gguf", std::ios::binary) << file.bytes();
  const auto importance = read_importance(folder / "x.gguf");
  ASSERT_FALSE(importance.ok());
  for (const std::string& part : parts) {
    EXPECT_NE(importance.error().message.find(part), std::string::npos) << importance.error().message;
  }
}

TEST(ImportanceFile, RoundTrip) {
  const testing::TempDir folder;
  ImportanceRun run{.dataset = "corpus.txt", .n_chunks = 2, .chunk_tokens = 128};
  run.sums["blk.0.attn_q.weight"] = {.squares = {0, 2, 8}, .counts = {2}};
  run.sums["blk.0.ffn_up_exps.weight"] = {.squares = {1, 3, 0, 0}, .counts = {4, 0}};
  auto file = AtomicFile::create(folder / "i.gguf");
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(write_importance(run, *file).ok());
  const auto importance = read_importance(folder / "i.gguf");
  ASSERT_TRUE(importance.ok()) << importance.error().message;
  EXPECT_EQ(*importance->find("blk.0.attn_q.weight"), (std::vector<float>{1e-4F, 0.6F, 2.4F}));
  // No token went to the second expert: all its channels count the same.
  EXPECT_EQ(*importance->find("blk.0.ffn_up_exps.weight"), (std::vector<float>{0.5F, 1.5F, 1, 1}));
  EXPECT_EQ(importance->find("blk.1.attn_q.weight"), nullptr);
}

TEST(ImportanceFile, RefusesWhatIsNone) {
  expect_refused(testing::GgufWriter().tensor("a.weight", {4}, kF32, floats({1, 2, 3, 4})), {"x.gguf", "in_sum2"});
  expect_refused(testing::GgufWriter().tensor("a.in_sum2", {4, 1}, kF32, floats({1, 2, 3, 4})),
                 {"a.counts", "missing"});
  for (const float bad : {NAN, INFINITY, -1.0F}) {
    expect_refused(testing::GgufWriter()
                       .tensor("a.in_sum2", {2, 1}, kF32, floats({1, bad}))
                       .tensor("a.counts", {1, 1}, kF32, floats({1})),
                   {"x.gguf", "a.in_sum2"});
  }
  expect_refused(testing::GgufWriter()
                     .tensor("a.in_sum2", {3, 1}, kF32, floats({1, 2, 3}))
                     .tensor("a.counts", {1, 2}, kF32, floats({1, 1})),
                 {"a.in_sum2", "a.counts"});
}

}  // namespace
}  // namespace llorch
