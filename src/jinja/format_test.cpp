// Origins, limits and errors of "%s" % x and "{}".format(x); tests/jinja_text compares their values with Python's.
#include "jinja/format.h"

#include "jinja/test_texts.h"

namespace llorch::jinja {
namespace {

class Format : public TextTest {
 protected:
  std::string percent(std::string_view format, std::vector<Value> arguments) {
    return marked(percent_format(runtime, text(format), runtime.tuple(std::move(arguments))));
  }
  std::string braces(std::string_view format, std::vector<Value> arguments) {
    return marked(brace_format(runtime, text(format), {std::move(arguments), {}}));
  }
  FailureKind percent_fails(std::string_view format, std::vector<Value> arguments) {
    return failure_of([&] { percent(format, std::move(arguments)); });
  }
  FailureKind braces_fail(std::string_view format, std::vector<Value> arguments) {
    return failure_of([&] { braces(format, std::move(arguments)); });
  }
};

TEST_F(Format, ArgumentsKeepTheirOrigins) {
  EXPECT_EQ(percent("<%s> %d", {string("[x]y"), integer(7)}), "<[x]y> 7");
  EXPECT_EQ(percent("%5s|%r", {string("[x]"), string("[it's]")}), R"(    [x]|"[it's]")");
  EXPECT_EQ(braces("<{}> {}", {string("[x]y"), integer(7)}), "<[x]y> 7");
  EXPECT_EQ(braces("{:>4}", {string("[x]y")}), "  [x]y");
}

TEST_F(Format, AFormatFromOutsideWritesNothingAsTheAuthor) {
  EXPECT_EQ(percent("[%3d%%]", {integer(7)}), "[  7%]");
  EXPECT_EQ(percent("[%c]", {integer('<')}), "[<]");
  EXPECT_EQ(percent("%c", {integer('<')}), "[<]");  // what a number spells is not in the template
  EXPECT_EQ(braces("[{:<>1}{:|>1}]", {string(""), string("")}), "[<|]");
  EXPECT_EQ(braces("[{:+,}]", {integer(1234)}), "[+1,234]");
  EXPECT_EQ(braces("{:c}", {integer('<')}), "[<]");
  EXPECT_EQ(braces("{:{}}", {string(""), string("[<>2]")}), "[<<]");
}

TEST_F(Format, SaysWhatPythonSays) {
  EXPECT_EQ(percent_fails("%s %s", {integer(1)}), FailureKind::type);
  EXPECT_EQ(message, "not enough arguments for format string");
  EXPECT_EQ(percent_fails("%s", {integer(1), integer(2)}), FailureKind::type);
  EXPECT_EQ(message, "not all arguments converted during string formatting");
  EXPECT_EQ(percent_fails("%d", {string("a")}), FailureKind::type);
  EXPECT_EQ(message, "%d format: a real number is required, not str");
  EXPECT_EQ(percent_fails("\xC3\xA9%y", {integer(1)}), FailureKind::value);
  EXPECT_EQ(message, "unsupported format character 'y' (0x79) at index 2");
  EXPECT_EQ(percent_fails("100%", {}), FailureKind::value);
  EXPECT_EQ(message, "incomplete format");
  EXPECT_EQ(braces_fail("{:d}", {string("a")}), FailureKind::value);
  EXPECT_EQ(message, "Unknown format code 'd' for object of type 'str'");
  EXPECT_EQ(braces_fail("}", {}), FailureKind::value);
  EXPECT_EQ(message, "Single '}' encountered in format string");
  EXPECT_EQ(braces_fail("{", {}), FailureKind::value);
  EXPECT_EQ(message, "Single '{' encountered in format string");
  EXPECT_EQ(braces_fail("{:{:{:{}}}}", {integer(1), integer(1), integer(1), integer(1)}), FailureKind::value);
  EXPECT_EQ(message, "Max string recursion exceeded");
}

TEST_F(Format, ReachesNoInnards) {
  EXPECT_EQ(braces_fail("{0.__class__}", {string("a")}), FailureKind::security);
  EXPECT_EQ(braces_fail("{0.__class__.__mro__}", {integer(1)}), FailureKind::security);
  const Text item("{0[__class__]}", Origin::author);
  EXPECT_EQ(failure_of([&] { brace_format(runtime, item, {{string("a")}, {}}); }), FailureKind::security);
  EXPECT_EQ(braces("<{0.nothing}>", {string("a")}), "<>");
  EXPECT_EQ(braces_fail("{0.nothing.more}", {string("a")}), FailureKind::undefined);
}

TEST_F(Format, WidthsBeyondMemoryAreRefusedBeforeTheyAreTaken) {
  Runtime small({.memory_bytes = 1 << 20}, std::chrono::local_seconds());
  const Value one = small.tuple({Value(std::int64_t{1})});
  const Value real = small.tuple({Value(1.5)});
  const auto fails = [&](std::string_view format, const Value& arguments) {
    return failure_of([&] { percent_format(small, text(format), arguments); });
  };
  for (const char* format : {"%2000000d", "%-2000000s", "%02000000d", "%.2000000d", "%99999999999999999999d"}) {
    EXPECT_EQ(fails(format, one), FailureKind::budget) << format;
  }
  for (const char* format : {"%2000000f", "%.2000000f", "%.999999999e"}) {
    EXPECT_EQ(fails(format, real), FailureKind::budget) << format;
  }
  for (const char* format : {"{:2000000}", "{:02000000}", "{:02000000,}", "{:>99999999999999999999}"}) {
    const auto act = [&] { brace_format(small, text(format), {{Value(std::int64_t{1})}, {}}); };
    EXPECT_EQ(failure_of(act), FailureKind::budget) << format;
  }
}

TEST_F(Format, MapsAreLookedUp) {
  Value dict = runtime.dict();
  dict.as<DictObject>().set(runtime, string("a"), string("[x]"));
  EXPECT_EQ(marked(percent_format(runtime, text("%(a)s%(a)3s"), dict)), "[x]  [x]");
  EXPECT_EQ(marked(brace_format_map(runtime, text("{a}{a!r}"), dict)), "[x]'[x]'");
  EXPECT_EQ(failure_of([&] { brace_format_map(runtime, text("{b}"), dict); }), FailureKind::value);
}

}  // namespace
}  // namespace llorch::jinja
