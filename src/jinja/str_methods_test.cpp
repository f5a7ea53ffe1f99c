// Origins, costs and errors of the methods of str. That their values are Python's, tests/jinja_text finds out.
#include "jinja/str_methods.h"

#include "jinja/test_texts.h"

namespace llorch::jinja {
namespace {

class StrMethods : public TextTest {};

TEST_F(StrMethods, TextThatIsMovedKeepsItsOrigins) {
  EXPECT_EQ(moved(" [ab] c ", "strip"), "[ab] c");
  EXPECT_EQ(moved("[a]b[c]", "replace", {string("b"), string("[x]y")}), "[ax]y[c]");
  EXPECT_EQ(moved("[ab]", "replace", {string(""), string("-")}), "-[a]-[b]-");
  EXPECT_EQ(moved("-", "join", {runtime.list({string("[a]"), string("b"), string("[c]")})}), "[a]-b-[c]");
  EXPECT_EQ(moved("[a\t]b", "expandtabs", {integer(3)}), "[a]  b");
  EXPECT_EQ(moved("[ab]", "center", {integer(5)}), "  [ab] ");
  EXPECT_EQ(moved("[ab]", "ljust", {integer(4), string("[*]")}), "[ab**]");
  EXPECT_EQ(moved("[-7]", "zfill", {integer(4)}), "[-]00[7]");
  EXPECT_EQ(moved("p[a]", "removeprefix", {string("[p]")}), "[a]");
  const Value parts = call(string("a,[b,c],d"), "rsplit", {{string(","), integer(2)}, {}});
  ASSERT_EQ(parts.items().size(), 3U);
  EXPECT_EQ(marked(parts.items()[0].text()), "a,[b]");
  EXPECT_EQ(marked(parts.items()[1].text()), "[c]");
  EXPECT_EQ(marked(parts.items()[2].text()), "d");
}

TEST_F(StrMethods, CaseIsMappedRunByRun) {
  EXPECT_EQ(moved("a[b]c", "upper"), "A[B]C");
  EXPECT_EQ(moved("[\xC3\x9F]\xC3\x9F", "upper"), "[SS]SS");
  EXPECT_EQ(moved("he[LLO wO]rld", "title"), "He[llo Wo]rld");
  EXPECT_EQ(moved("[hELL]O", "capitalize"), "[Hell]o");
  EXPECT_EQ(moved("[\xC4\xB0]", "lower"), "[i\xCC\x87]");
  EXPECT_EQ(moved("\xCE\x91\xCE\xA3", "lower"), "\xCE\xB1\xCF\x82");  // a sigma at the end of a word
}

TEST_F(StrMethods, PlacesAreCharacters) {
  const Value self = string(
      "\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80"
      "a\xC3\xA9");
  EXPECT_EQ(call(self, "find", {{string("a")}, {}}).integer(), 3);
  EXPECT_EQ(call(self, "rfind", {{string("\xC3\xA9")}, {}}).integer(), 4);
  EXPECT_EQ(call(self, "find", {{string("\xC3\xA9"), integer(1)}, {}}).integer(), 4);
  EXPECT_EQ(call(self, "count", {{string("")}, {}}).integer(), 6);
}

TEST_F(StrMethods, SaysWhatPythonSays) {
  const Value self = string("abc");
  const auto fails = [&](std::string_view method, const Arguments& arguments) {
    return failure_of([&] { call(self, method, arguments); });
  };
  EXPECT_EQ(fails("index", {{string("x")}, {}}), FailureKind::value);
  EXPECT_EQ(message, "substring not found");
  EXPECT_EQ(fails("split", {{string("")}, {}}), FailureKind::value);
  EXPECT_EQ(message, "empty separator");
  EXPECT_EQ(fails("strip", {{integer(1)}, {}}), FailureKind::type);
  EXPECT_EQ(message, "strip arg must be None or str");
  EXPECT_EQ(fails("find", {{integer(1)}, {}}), FailureKind::type);
  EXPECT_EQ(message, "must be str, not int");
  EXPECT_EQ(fails("join", {}), FailureKind::type);
  EXPECT_EQ(message, "str.join() takes exactly one argument (0 given)");
  EXPECT_EQ(fails("upper", {{integer(1)}, {}}), FailureKind::type);
  EXPECT_EQ(message, "str.upper() takes no arguments (1 given)");
  EXPECT_EQ(fails("strip", {{}, {{string("chars"), self}}}), FailureKind::type);
  EXPECT_EQ(message, "str.strip() takes no keyword arguments");
  EXPECT_EQ(fails("find", {{runtime.undefined("'x' is undefined")}, {}}), FailureKind::undefined);
}

TEST_F(StrMethods, OnlyPythonsMethodsAreThere) {
  for (const char* name : {"encode", "translate", "maketrans", "__class__", ""}) {
    EXPECT_EQ(find_string_method(name), nullptr) << name;
  }
}

TEST_F(StrMethods, WidthsBeyondMemoryAreRefusedBeforeTheyAreTaken) {
  for (const char* method : {"center", "ljust", "rjust", "zfill"}) {
    for (const std::int64_t width : {std::int64_t{1} << 30, INT64_MAX}) {
      EXPECT_EQ(failure_of([&] { moved("a", method, {integer(width)}); }), FailureKind::budget) << method;
    }
    EXPECT_EQ(moved("a", method, {integer(INT64_MIN)}), "a") << method;
  }
  EXPECT_EQ(failure_of([&] { moved("\t", "expandtabs", {integer(INT32_MAX)}); }), FailureKind::budget);
}

TEST_F(StrMethods, AreLinearWhereEveryPlaceAlmostMatches) {
  Runtime large({.steps = 2'000'000, .memory_bytes = 64U << 20U}, std::chrono::local_seconds());
  const auto search = [&](const Value& in, std::string_view method, const Arguments& arguments) {
    return find_string_method(method)(large, in, arguments);
  };
  const std::string half(400'000, 'a');
  const Value self = large.string(half + half, Origin::input);
  const Value needle = large.string(half, Origin::input);
  const Value other = large.string(half + "b", Origin::input);
  EXPECT_EQ(search(self, "rfind", {{needle}, {}}).integer(), 400'000);
  EXPECT_EQ(search(self, "find", {{other}, {}}).integer(), -1);
  EXPECT_EQ(search(self, "rfind", {{other}, {}}).integer(), -1);
  EXPECT_EQ(search(self, "rsplit", {{other}, {}}).items().size(), 1U);
  EXPECT_EQ(search(self, "count", {{needle}, {}}).integer(), 2);
}

TEST_F(StrMethods, PayForEveryPartAndEveryComparison) {
  const Value words = runtime.string(std::string(3'000'000, ','), Origin::input);
  EXPECT_EQ(failure_of([&] { call(words, "split", {{string(",")}, {}}); }), FailureKind::budget);
  Runtime other({.steps = 10'000}, std::chrono::local_seconds());
  const Value self = other.string(std::string(100'000, 'a'), Origin::input);
  const Value ends =
      other.tuple(std::vector<Value>(1'000, other.string(std::string(99'999, 'a') + "b", Origin::input)));
  EXPECT_EQ(failure_of([&] { find_string_method("startswith")(other, self, {{ends}, {}}); }), FailureKind::budget);
}

}  // namespace
}  // namespace llorch::jinja
