// JSON: origins, limits, errors. That the bytes are json.dumps' own, tests/jinja_text finds out.
#include "jinja/json_text.h"

#include "base/json.h"
#include "jinja/test_texts.h"

namespace llorch::jinja {
namespace {

class JsonText : public TextTest {
 protected:
  Result<Value> read(std::string_view json) { return from_json(runtime.heap(), json, Origin::input, "here"); }
  std::string error_of(std::string_view json) {
    const auto value = read(json);
    return value.ok() ? "" : value.error().message;
  }
  std::string written(std::string_view json, const JsonStyle& style = {}) {
    return std::string(to_json(runtime, *read(json), style).view());
  }
};

TEST_F(JsonText, OriginsGoThroughEscapes) {
  Value dict = runtime.dict();
  dict.as<DictObject>().set(runtime, string("k"), string("[a\"]b\n"));
  EXPECT_EQ(marked(to_json(runtime, dict, {})), R"({"k": "[a\"]b\n"})");
  JsonStyle ascii;
  ascii.ensure_ascii = true;
  EXPECT_EQ(marked(to_json(runtime, string("[\xF0\x9F\x98\x80]\x7F"), ascii)), "\"[\\ud83d\\ude00]\\u007f\"");
  EXPECT_EQ(marked(read("\"a<b\"")->text()), "[a<b]");
}

TEST_F(JsonText, Styles) {
  const std::string json = R"({"b": [1, 2.50, []], "a": {}})";
  EXPECT_EQ(written(json), R"({"b": [1, 2.5, []], "a": {}})");
  JsonStyle style;
  style.indent = Value(std::int64_t{2});
  style.sort_keys = true;
  EXPECT_EQ(written(json, style), "{\n  \"a\": {},\n  \"b\": [\n    1,\n    2.5,\n    []\n  ]\n}");
}

TEST_F(JsonText, SaysWhatPythonSays) {
  EXPECT_EQ(failure_of([&] { to_json(runtime, Value(), {}); }), FailureKind::type);
  EXPECT_EQ(message, "Object of type Undefined is not JSON serializable");
  Value dict = runtime.dict();
  dict.as<DictObject>().set(runtime, runtime.tuple({}), integer(1));
  EXPECT_EQ(failure_of([&] { to_json(runtime, dict, {}); }), FailureKind::type);
  EXPECT_EQ(message, "keys must be str, int, float, bool or None, not tuple");
}

TEST_F(JsonText, AnIndentBeyondMemoryIsRefusedBeforeItIsTaken) {
  JsonStyle style;
  style.indent = Value(std::int64_t{1} << 40);
  EXPECT_EQ(failure_of([&] { to_json(runtime, runtime.list({integer(1)}), style); }), FailureKind::budget);
  style.indent = Value(std::int64_t{8} << 20);
  const Value nested = runtime.list({runtime.list({runtime.list({integer(1)})})});
  EXPECT_EQ(failure_of([&] { to_json(runtime, nested, style); }), FailureKind::budget);
}

TEST_F(JsonText, ReadsNumbersOfAnySize) {
  EXPECT_EQ(shown(*read("9223372036854775807")), "9223372036854775807");
  EXPECT_EQ(shown(*read("9223372036854775808")), "9223372036854775808");
  EXPECT_EQ(shown(*read("-9223372036854775809")), "-9223372036854775809");
  for (const std::size_t n : {300U, 400U, 4200U}) {
    const std::string digits(n, '7');
    EXPECT_EQ(shown(*read(digits)), digits);
    EXPECT_EQ(shown(*read("-" + digits)), "-" + digits);
  }
  EXPECT_NE(error_of(std::string(4250, '7')).find("an integer of more than 14000 bits"), std::string::npos);
  EXPECT_NE(error_of(std::string(100'000, '7')), "");
  EXPECT_NE(error_of("1e400"), "");
  EXPECT_EQ(shown(*read("[1e-400, -1e-400, 5e-324]")), "[0.0, -0.0, 5e-324]");
  EXPECT_EQ(shown(*read("1.0")), "1.0");
  EXPECT_EQ(shown(*read("1e2")), "100.0");
}

TEST_F(JsonText, OrderStaysAndTheLastOfEqualKeysCounts) {
  EXPECT_EQ(shown(*read(R"({"b": 1, "a": 2, "b": [3]})")), "{'b': [3], 'a': 2}");
}

TEST_F(JsonText, SaysWhereItIsNoJson) {
  EXPECT_NE(error_of("{\"a\": }").find("here: not valid JSON: parse error at line 1, column 7"), std::string::npos);
  for (const char* json : {"", "[1,]", "NaN", "Infinity", "[1] 2", "'a'", "\"\xFF\"", "\"\\ud800\"", "01"}) {
    EXPECT_FALSE(read(json).ok()) << json;
  }
  const std::string deep(static_cast<std::size_t>(kMaxJsonDepth), '[');
  EXPECT_TRUE(read(deep + std::string(deep.size(), ']')).ok());
  EXPECT_NE(error_of("[" + deep).find("deep"), std::string::npos);
  EXPECT_NE(error_of(std::string(1'000'000, '[')).find("deep"), std::string::npos);
}

/// Where a key is found by walking through the others (10^12 steps) this does not end, and the tests' runner ends it.
TEST_F(JsonText, ManyKeysEnd) {
  constexpr int kKeys = 500'000;
  constexpr int kLooks = 8;
  Heap heap(std::size_t{1} << 30U);
  std::vector<std::string> keys;
  std::string json = "{";
  for (int i = 0; i < kKeys; ++i) {
    keys.push_back(fmt::format("key {}", i));
    json += fmt::format("{}\"{}\": {}", i > 0 ? "," : "", keys.back(), i);
  }
  json += "}";
  const auto value = from_json(heap, json, Origin::input, "here");
  ASSERT_TRUE(value.ok());
  const auto& dict = value->as<DictObject>();
  ASSERT_EQ(dict.entries.size(), keys.size());
  for (int look = 0; look < kLooks; ++look) {
    for (int i = 0; i < kKeys; ++i) {
      ASSERT_EQ(dict.get(keys[static_cast<std::size_t>(i)])->integer(), i);
    }
  }
}

}  // namespace
}  // namespace llorch::jinja
