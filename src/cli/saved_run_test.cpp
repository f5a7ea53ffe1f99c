#include "cli/saved_run.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "support/temp_dir.h"

namespace llorch::cli {
namespace {

SavedRunHeader small_run() {
  return {.vocab = 3, .window = 8, .bos = 1, .n_positions = 2, .tokens = {1, 2, 0}, .model = "tiny"};
}

const std::vector<float> kRow = {-1, -2, -0.5F};

void write(const std::string& path, const SavedRunHeader& header) {
  auto writer = SavedRunWriter::create(path, header);
  ASSERT_TRUE(writer.ok()) << writer.error().message;
  ASSERT_TRUE(writer->add(kRow).ok());
  ASSERT_TRUE(writer->add(kRow).ok());
  ASSERT_TRUE(writer->commit().ok());
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The error of reading `bytes` as a saved run to its end; empty: there was none.
std::string fault_of(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
  auto reader = SavedRunReader::open(path);
  std::vector<float> row(kRow.size());
  Status status = reader.ok() ? Status() : Status(reader.error());
  for (std::int64_t i = 0; status.ok() && i < reader->header().n_positions; ++i) {
    status = reader->next(row);
  }
  EXPECT_TRUE(status.ok() || status.error().code == ErrorCode::invalid_argument);
  return status.ok() ? "" : status.error().message;
}

TEST(SavedRun, RoundTrip) {
  const testing::TempDir folder;
  const std::string path = folder / "run";
  write(path, small_run());
  EXPECT_EQ(static_cast<std::int64_t>(std::filesystem::file_size(path)), saved_run_bytes(small_run()));
  auto reader = SavedRunReader::open(path);
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  EXPECT_TRUE(check_comparable(reader->header(), small_run(), path).ok());
  EXPECT_EQ(reader->header().model, "tiny");
  std::vector<float> row(kRow.size());
  ASSERT_TRUE(reader->next(row).ok());
  ASSERT_TRUE(reader->next(row).ok());
  EXPECT_EQ(row, kRow);
}

TEST(SavedRun, AWriterWithoutCommitLeavesNothing) {
  const testing::TempDir folder;
  {
    auto writer = SavedRunWriter::create(folder / "run", small_run());
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->add(kRow).ok());
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SavedRun, EveryByteThatIsWrongOrMissingIsNoticed) {
  const testing::TempDir folder;
  write(folder / "run", small_run());
  const std::string whole = bytes_of(folder / "run");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_NE(fault_of(folder / "cut", whole.substr(0, i)), "") << i;
    for (const int bit : {0, 7}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      EXPECT_NE(fault_of(folder / "cut", damaged), "") << i;
    }
  }
  EXPECT_NE(fault_of(folder / "cut", whole + "x"), "");
  EXPECT_EQ(fault_of(folder / "cut", whole), "");
}

TEST(SavedRun, WhatCannotBeOpened) {
  const testing::TempDir folder;
  EXPECT_EQ(SavedRunReader::open(folder / "missing").error().code, ErrorCode::io);
  EXPECT_EQ(SavedRunReader::open(folder.path()).error().code, ErrorCode::invalid_argument);
}

TEST(SavedRun, NamesWhatCannotBeCompared) {
  const auto fault = [](auto change) {
    SavedRunHeader other = small_run();
    change(other);
    const Status status = check_comparable(small_run(), other, "base");
    return status.ok() ? std::string() : status.error().message;
  };
  EXPECT_NE(fault([](SavedRunHeader& h) { h.vocab = 4; }).find("vocabulary are 3 there and 4 here"), std::string::npos);
  EXPECT_NE(fault([](SavedRunHeader& h) { h.window = 16; }).find("--window"), std::string::npos);
  EXPECT_NE(fault([](SavedRunHeader& h) { h.tokens[1] = 0; }).find("token 1 of the text is 2 there and 0 here"),
            std::string::npos);
  EXPECT_NE(fault([](SavedRunHeader& h) { h.tokens.push_back(1); }).find("are 3 there and 4 here"), std::string::npos);
  EXPECT_NE(fault([](SavedRunHeader& h) { h.bos.reset(); }).find("1 there and -1 here"), std::string::npos);
  EXPECT_NE(fault([](SavedRunHeader& h) { h.n_positions = 1; }).find("--windows"), std::string::npos);
  EXPECT_EQ(fault([](SavedRunHeader& h) { h.model = "another"; }), "");
}

TEST(SavedRun, WhatDoesNotFitIsRefused) {
  const testing::TempDir folder;
  EXPECT_TRUE(check_free_space(folder / "run", 1).ok());
  const Status full = check_free_space(folder / "run", std::int64_t{1} << 62);
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code, ErrorCode::io);
  EXPECT_FALSE(check_free_space(folder / "no/such/run", 1).ok());
}

}  // namespace
}  // namespace llorch::cli
