#include "cli/lines.h"

#include <gtest/gtest.h>

#include <vector>

namespace llorch::cli {
namespace {

using Lines = std::vector<std::string>;

Lines read(std::string_view text, std::size_t cut) {
  Lines lines;
  LineReader reader([&lines](std::string_view line) {
    lines.emplace_back(line);
    return Status();
  });
  EXPECT_TRUE(reader.push(text.substr(0, cut)).ok());
  EXPECT_TRUE(reader.push(text.substr(cut)).ok());
  EXPECT_TRUE(reader.finish().ok());
  return lines;
}

TEST(Lines, WhereverTheyAreCut) {
  constexpr std::string_view kText = "{\"a\":1}\n\n{\"b\":\"\r\"}\r\n \t\r\n\r\nlast";
  for (std::size_t cut = 0; cut <= kText.size(); ++cut) {
    EXPECT_EQ(read(kText, cut), (Lines{"{\"a\":1}", "{\"b\":\"\r\"}", "last"})) << cut;
  }
}

TEST(Lines, ALineComesWithItsEnd) {
  Lines lines;
  LineReader reader([&lines](std::string_view line) {
    lines.emplace_back(line);
    return Status();
  });
  ASSERT_TRUE(reader.push("one").ok());
  EXPECT_TRUE(lines.empty());
  ASSERT_TRUE(reader.push("\ntw").ok());
  EXPECT_EQ(lines, Lines{"one"});
  ASSERT_TRUE(reader.finish().ok());
  EXPECT_EQ(lines, (Lines{"one", "tw"}));
  ASSERT_TRUE(reader.finish().ok());
  EXPECT_EQ(lines.size(), 2U);
}

TEST(Lines, WhatIsTooLongIsRefused) {
  LineReader reader([](std::string_view /*line*/) { return Status(); }, 4);
  EXPECT_TRUE(reader.push("1234\n123").ok());
  EXPECT_TRUE(reader.push("4\n").ok());
  EXPECT_FALSE(reader.push("12345").ok());
}

TEST(Lines, AnErrorOfTheTakerEndsIt) {
  int n_lines = 0;
  LineReader reader([&n_lines](std::string_view line) {
    ++n_lines;
    return line == "bad" ? Status(Error{ErrorCode::internal, "no"}) : Status();
  });
  EXPECT_FALSE(reader.push("good\nbad\ngood\n").ok());
  EXPECT_EQ(n_lines, 2);
}

}  // namespace
}  // namespace llorch::cli
