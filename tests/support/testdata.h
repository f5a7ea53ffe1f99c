// Where tests find their data: what the repository carries, and optionally a larger set beside it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>

namespace llorch::testing {

/// The data of the repository: always there.
inline std::string data_dir() {
  return LLORCH_SOURCE_DIR "/tests/data";
}

/// The larger set of reference data, where LLORCH_TESTDATA names it: families/, quants/, tokenizers/ ...
inline std::optional<std::string> extra_data_dir() {
  const char* folder = std::getenv("LLORCH_TESTDATA");
  return folder != nullptr && *folder != '\0' ? std::optional<std::string>(folder) : std::nullopt;
}

/// The whole file; a failed test when it cannot be read.
inline std::string read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  EXPECT_TRUE(stream.good()) << path;
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void write_file(const std::string& path, const std::string& content) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream.write(content.data(), static_cast<std::streamsize>(content.size()));
  EXPECT_TRUE(stream.good()) << path;
}

}  // namespace llorch::testing

/// Skips the test, loudly, when LLORCH_TESTDATA is not set; `what` says what is not tested then.
#define LLORCH_NEEDS_EXTRA_DATA(what)                                   \
  do {                                                                  \
    if (!::llorch::testing::extra_data_dir()) {                         \
      std::cout << "SKIPPED without LLORCH_TESTDATA: " << what << "\n"; \
      GTEST_SKIP() << "LLORCH_TESTDATA is not set: " << what;           \
    }                                                                   \
  } while (false)
