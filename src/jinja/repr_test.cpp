// str() and repr(): origins, and kinds that Python's own repr cannot be compared with.
#include "jinja/interpreter.h"
#include "jinja/test_texts.h"

namespace llorch::jinja {
namespace {

class Repr : public TextTest {};

TEST_F(Repr, OriginsGoThroughEscapes) {
  EXPECT_EQ(marked(to_repr(runtime, string("[a\n]b\n"))), "'[a\\n]b\\n'");
  EXPECT_EQ(marked(to_repr(runtime, string("[\"']"))), "'[\"\\']'");
  const Value list = runtime.list({string("[x]"), integer(1), runtime.tuple({string("[y]")})});
  std::string all;
  to_repr(runtime, list).each_run([&](std::string_view run, Origin origin) {
    all += std::string(origin == Origin::input ? "<" : "") + std::string(run) + (origin == Origin::input ? ">" : "");
  });
  EXPECT_EQ(all, "['<x>', 1, ('<y>',)]");
}

TEST_F(Repr, EveryKindHasOne) {
  EXPECT_EQ(shown(Value()), "Undefined");
  EXPECT_EQ(to_text(runtime, Value()).view(), "");
  EXPECT_EQ(shown(Value::none()), "None");
  EXPECT_EQ(shown(Value(true)), "True");
  EXPECT_EQ(shown(Value(Kind::range, new RangeObject(runtime.heap(), 0, 3, 1))), "range(0, 3)");
  EXPECT_EQ(shown(Value(Kind::range, new RangeObject(runtime.heap(), 0, 6, 2))), "range(0, 6, 2)");
  Value dict = runtime.dict();
  dict.as<DictObject>().set(runtime, string("a"), integer(1));
  EXPECT_EQ(shown(Value(Kind::view, new ViewObject(runtime.heap(), dict, DictPart::items))), "dict_items([('a', 1)])");
  EXPECT_EQ(shown(Value(Kind::view, new ViewObject(runtime.heap(), dict, DictPart::keys))), "dict_keys(['a'])");
  EXPECT_EQ(shown(Value(Kind::view, new ViewObject(runtime.heap(), dict, DictPart::values))), "dict_values([1])");
  Value space = runtime.space();
  space.as<SpaceObject>().attributes.put(&runtime, string("n"), integer(1));
  EXPECT_EQ(shown(space), "<Namespace {'n': 1}>");
}

TEST_F(Repr, Numbers) {
  EXPECT_EQ(real_to_string(1.0), "1.0");
  EXPECT_EQ(real_to_string(1e16), "1e+16");
  EXPECT_EQ(real_to_string(1e-5), "1e-05");
  EXPECT_EQ(real_to_string(-0.0), "-0.0");
  EXPECT_EQ(real_to_string(5e-324), "5e-324");
  EXPECT_EQ(real_to_string(9007199254740993.0), "9007199254740992.0");
  EXPECT_EQ(big_to_string(BigInt(INT64_MIN) * INT64_MIN), "85070591730234615865843651857942052864");
}

TEST_F(Repr, ANamespaceInItselfIsABudgetFailure) {
  Value space = runtime.space();
  space.as<SpaceObject>().attributes.put(&runtime, string("self"), space);
  EXPECT_EQ(failure_of([&] { to_repr(runtime, space); }), FailureKind::budget);
}

TEST_F(Repr, ListsThatShareTheirPartsArePaidFor) {
  Value list = runtime.list({integer(1)});
  for (int i = 0; i < kMaxValueDepth - 2; ++i) {
    list = runtime.list({list, list});
  }
  EXPECT_EQ(failure_of([&] { to_repr(runtime, list); }), FailureKind::budget);
}

}  // namespace
}  // namespace llorch::jinja
