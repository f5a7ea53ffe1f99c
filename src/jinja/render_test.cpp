// Whole templates: what they print, with the origin of each byte, and how they fail.
#include "jinja/template.h"
#include "jinja/test_texts.h"

namespace llorch::jinja {
namespace {

class RenderTest : public TextTest {
 protected:
  /// What `source` prints with the members of a JSON object as variables, marked; "kind: message" where it fails.
  static std::string render(std::string_view source, std::string_view variables = "{}") {
    const auto parsed = Template::parse(source);
    if (const auto* failure = std::get_if<Failure>(&parsed)) {
      return shown(*failure);
    }
    Variables all;
    const Status set = all.set_members(variables, "variables");
    EXPECT_TRUE(set.ok());
    const auto rendered = std::get<Template>(parsed).render(all, limits_for(all.bytes()), {});
    const auto* failure = std::get_if<Failure>(&rendered);
    return failure != nullptr ? shown(*failure) : marked(std::get<Text>(rendered));
  }

 private:
  static std::string shown(const Failure& failure) {
    constexpr const char* kKinds[] = {"raised", "syntax", "undefined", "type", "value", "security", "budget"};
    return fmt::format("{}: {}", kKinds[static_cast<std::size_t>(failure.kind)], failure.message);
  }
};

TEST_F(RenderTest, TruncateIsForTexts) {
  EXPECT_EQ(render("{{ (1,2,3)|truncate(1,leeway=0,end='') }}"), "type: 'tuple' object cannot be truncated");
  EXPECT_EQ(render("{{ [1,2,3]|truncate(1,leeway=0,end='') }}"), "type: 'list' object cannot be truncated");
  EXPECT_EQ(render("{{ range(9)|truncate(1,true,end='',leeway=0) }}"), "type: 'range' object cannot be truncated");
  EXPECT_EQ(render("{{ [1,2,3]|truncate(9) }}"), "[1, 2, 3]");
}

TEST_F(RenderTest, AValueOfAnotherKindIsAFailure) {
  const Value list = runtime.list({});
  EXPECT_EQ(failure_of([&] { list.text(); }), FailureKind::type);
  EXPECT_EQ(failure_of([&] { string("a").items(); }), FailureKind::type);
  EXPECT_EQ(failure_of([&] { Value().as<DictObject>(); }), FailureKind::type);
  EXPECT_EQ(message, "a value of the type 'Undefined' cannot be used here");
}

}  // namespace
}  // namespace llorch::jinja
