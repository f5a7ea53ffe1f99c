#include "base/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/format.h"

#include "base/utf8.h"

namespace llorch {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string error_of(std::string_view text) {
  const auto ordered = parse_ordered_json(text, "body");
  const auto parsed = parse_json(text, "body");
  EXPECT_EQ(parsed.ok(), ordered.ok()) << text;
  return ordered.ok() ? "" : ordered.error().message;
}

std::string repeated(std::string_view text, std::size_t n) {
  std::string all;
  for (; n > 0; --n) {
    all += text;
  }
  return all;
}

TEST(Json, LikeTheLibrary) {
  for (const std::string_view text :
       {R"(null)", R"(true)", R"(-7)", R"(18446744073709551615)", R"(1.5e3)", R"("x\u00e9\ud83d\ude00")", R"([])",
        R"({})", R"({"b":[1,{"a":null,"c":[[],{}]},"x"],"a":{"z":-0.0,"y":false}})", R"( [ 1 , [ 2 , [ 3 ] ] ] )"}) {
    EXPECT_EQ(parse_json(text, "body").value(), json::parse(text)) << text;
    EXPECT_EQ(parse_ordered_json(text, "body").value().dump(), ordered_json::parse(text).dump()) << text;
  }
}

TEST(Json, Refused) {
  EXPECT_EQ(error_of(R"({"a":1,"b":{"a":2,"c":3,"a":4}})"), "body: key 'a' occurs twice in one object");
  EXPECT_EQ(error_of(R"({"a":1,"b":{"a":2}})"), "");
  EXPECT_EQ(
      error_of("[1,"),
      "body: not valid JSON: parse error at line 1, column 4: syntax error while parsing value - unexpected end of "
      "input; expected '[', '{', or a literal");
  for (const std::string_view text :
       {"", "1 2", "NaN", "1e999", "{'a':1}", "[1,]", "\"\xFF\"", "\"\x01\"", "{\"a\"}"}) {
    EXPECT_NE(error_of(text).find("body: not valid JSON: "), std::string::npos) << text;
  }
  EXPECT_EQ(error_of(R"({"a\nb":1,"a\nb":2})"), R"(body: key 'a\nb' occurs twice in one object)") << "one line";
  EXPECT_TRUE(is_utf8(error_of("{\"\xFF\":1}")));
  EXPECT_LT(error_of("{\"" + repeated("a", 9999)).size(), 600U);
  EXPECT_EQ(error_of(repeated("[", 65) + repeated("]", 65)), "body: JSON nested 65 deep, the limit is 64");
  EXPECT_EQ(error_of(repeated("[", 64) + repeated("]", 64)), "");
}

TEST(Json, ManyKeys) {
  std::string text = "{";
  for (std::size_t i = 0; i <= kMaxOrderedKeys; ++i) {
    text += fmt::format("{}\"{}\":{}", i > 0 ? "," : "", i, i);
  }
  text += "}";
  EXPECT_EQ(parse_json(text, "body").value().size(), kMaxOrderedKeys + 1);
  EXPECT_EQ(parse_ordered_json(text, "body").error().message, "body: an object with more than 4096 keys");
}

// Quadratic work would take hours here.
TEST(Json, ManyObjectsInAnArray) {
  constexpr std::size_t kObjects = 2'000'000;
  const std::string text = "[" + repeated("{},", kObjects) + "{}]";
  EXPECT_EQ(parse_ordered_json(text, "body").value().size(), kObjects + 1);
  EXPECT_EQ(parse_json(text, "body").value().size(), kObjects + 1);
}

}  // namespace
}  // namespace llorch
