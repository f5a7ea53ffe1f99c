// Metadata: types, ranges, and what its errors say.
#include "checkpoint/metadata.h"

#include <gtest/gtest.h>

#include "checkpoint/printable.h"

namespace llorch {
namespace {

Metadata sample() {
  Metadata metadata("a.gguf");
  EXPECT_TRUE(metadata.set("n", std::int64_t{7}));
  EXPECT_TRUE(metadata.set("x", 2.5));
  EXPECT_TRUE(metadata.set("name", std::string("tiny")));
  EXPECT_TRUE(metadata.set("list", MetaArray(std::vector<std::int64_t>{1, 2, 3})));
  EXPECT_FALSE(metadata.set("n", std::int64_t{8}));
  return metadata;
}

TEST(Metadata, ErrorsNameSourceKeyAndValue) {
  const Metadata metadata = sample();
  EXPECT_EQ(metadata.integer("absent").error().message, "a.gguf: key absent is missing");
  EXPECT_EQ(metadata.integer("name").error().message, "a.gguf: key name is a string (tiny), not an integer");
  EXPECT_EQ(metadata.strings("list").error().message,
            "a.gguf: key list is an array ([3] 1, 2, 3), not an array of strings");
  EXPECT_EQ(metadata.integer_in("n", 8, 9).error().message, "a.gguf: key n is 7, must be between 8 and 9");
  EXPECT_EQ(metadata.boolean("n").error().code, ErrorCode::model_file);
  EXPECT_EQ(metadata.number("name").error().code, ErrorCode::model_file);
  EXPECT_EQ(metadata.string("x").error().code, ErrorCode::model_file);
}

TEST(Metadata, FallbacksAreForMissingKeysOnly) {
  const Metadata metadata = sample();
  EXPECT_EQ(*metadata.integer_or("absent", 3), 3);
  EXPECT_EQ(*metadata.number_or("absent", 0.5), 0.5);
  EXPECT_EQ(*metadata.string_or("absent", "s"), "s");
  EXPECT_TRUE(*metadata.boolean_or("absent", true));
  EXPECT_EQ(*metadata.integer_or("n", 3), 7);
  EXPECT_FALSE(metadata.integer_or("name", 3).ok());
  EXPECT_EQ(*metadata.integer_in("n", 7, 7), 7);
  EXPECT_EQ(*metadata.number("n"), 7.0);
  EXPECT_EQ(metadata.numbers("list")->size(), 3u);
}

TEST(Metadata, ValuesPrintOnOneLine) {
  EXPECT_EQ(to_string(MetaValue(true)), "true");
  EXPECT_EQ(to_string(MetaValue(2.5)), "2.5");
  EXPECT_EQ(to_string(MetaValue(std::string("a\nb"))), "a\\nb");
  EXPECT_EQ(to_string(MetaValue(MetaArray(std::vector<std::string_view>{"a", "b"}))), "[2] a, b");
  EXPECT_EQ(to_string(MetaValue(MetaArray(std::vector<double>(9, 0.5)))),
            "[9] 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, ...");
}

TEST(Printable, KeepsUtf8AndEscapesTheRest) {
  EXPECT_EQ(printable("caf\xc3\xa9 \xf0\x9f\x98\x80"), "caf\xc3\xa9 \xf0\x9f\x98\x80");
  EXPECT_EQ(printable("\xff\x01\\"), "\\xff\\x01\\\\");
  EXPECT_EQ(printable("\xed\xa0\x80\xc0\xaf\xe2\x80\xa8\xc2\x85"),
            "\\xed\\xa0\\x80\\xc0\\xaf\\xe2\\x80\\xa8\\xc2\\x85");
  EXPECT_EQ(printable("\xf0\x9f"), "\\xf0\\x9f");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
}

}  // namespace
}  // namespace llorch
