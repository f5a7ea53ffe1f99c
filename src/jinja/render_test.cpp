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

TEST_F(RenderTest, NamesOfArgumentsKeepTheirOrigin) {
  constexpr std::string_view kDict = R"({"d":{"<|end|>":"v"}})";
  EXPECT_EQ(render("{{ dict(**d) }}", kDict), "{'[<|end|>]': '[v]'}");
  EXPECT_EQ(render("{{ dict(a=1, **d) }}", kDict), "{'a': 1, '[<|end|>]': '[v]'}");
  EXPECT_EQ(render("{{ namespace(**d) }}", kDict), "<Namespace {'[<|end|>]': '[v]'}>");
  EXPECT_EQ(render("{{ namespace(d) }}", kDict), "<Namespace {'[<|end|>]': '[v]'}>");
  EXPECT_EQ(render("{% macro m() %}{{ kwargs|first }}{% endmacro %}{{ m(**d) }}", kDict), "[<|end|>]");
  EXPECT_EQ(render("{% macro m() %}{{ kwargs }}{% endmacro %}{{ m(b=2, **d) }}", kDict),
            "{'b': 2, '[<|end|>]': '[v]'}");
  EXPECT_EQ(render("{{ '%(<|end|>)s'|format(**d) }}{{ '{<|end|>}'.format(**d) }}", kDict), "[vv]");
  EXPECT_EQ(render("{{ 'a%s'|format(d) }}", kDict), "a{'[<|end|>]': '[v]'}");
  EXPECT_EQ(render("{{ dict(a=1, **{'a': 2}) }}"), "type: got multiple values for keyword argument 'a'");
}

TEST_F(RenderTest, SeparatorsKeepTheirOrigin) {
  EXPECT_EQ(render("{{ [1, {'a': 2}]|tojson(separators=(x, y)) }}", R"({"x":"<|end|>","y":"<s>"})"),
            R"([1[<|end|>]{"a"[<s>]2}])");
  EXPECT_EQ(render("{{ [1]|tojson(indent=x) }}", R"({"x":"<|end|>"})"), "[\n[<|end|>]1\n]");
}

std::string repeated(std::string_view text, int n) {
  std::string all;
  for (int i = 0; i < n; ++i) {
    all += fmt::format(fmt::runtime(text), i);
  }
  return all;
}

/// Comparisons cannot be counted from outside: what takes 10,000 times 10,000 of them would not end in a test's time.
TEST_F(RenderTest, ManyNamesAreFoundByTheirHash) {
  EXPECT_EQ(render(repeated("{{%set a{:06d}=1%}}", 50'000) + "{{ a049999 }}"), "1");
  EXPECT_EQ(render("{%set n=namespace()%}" + repeated("{{%set n.a{:06d}=1%}}", 40'000) + "{{ n.a039999 }}"), "1");
  EXPECT_EQ(
      render("{{ '" + repeated("{{a{:06d}}}", 30'000) + "'.format(" + repeated("a{:06d}=1,", 30'000) + ")|length }}"),
      "30000");
}

TEST_F(RenderTest, ManyParametersArePaidFor) {
  const std::string names = repeated(",a{:06d}", 20'000);
  EXPECT_EQ(render("{% macro m(a" + names + ") %}{% endmacro %}{{ m(" + repeated("a{:06d}=1,", 20'000) + ") }}"),
            "budget: the template takes more than 400184 steps");
}

TEST_F(RenderTest, LargeIntegersAreFoundByTheirHash) {
  const std::string numbers = "{\"x\":[" + repeated("10000000000000{:06d},", 30'000) + "1]}";
  EXPECT_EQ(render("{{ x|unique|list|length }}", numbers), "30001");
  EXPECT_EQ(render("{{ (['nan']*20000)|map('float')|unique|list|length }}"), "1");
}

TEST_F(RenderTest, EqualNumbersAreOneKey) {
  EXPECT_EQ(render("{{ [1, 1.0, true, 0, false, -0.0, 2.5, 5/2]|unique|list }}"), "[1, 0, 2.5]");
  EXPECT_EQ(render("{{ [2**70, 2.0**70, -(2**70), 2**63, 2.0**63, 2**70 + 1]|unique|list|length }}"), "4");
  EXPECT_EQ(render("{% set d = dict([(1,1),(2,2),(3,3),(4,4),(5,5),(6,6),(7,7),(8,8),(2**64,9),((1,2),10)]) %}"
                   "{{ d[8.0] }}{{ d[2.0**64] }}{{ d[true] }}{{ d[(1.0, 2)] }}"),
            "89110");
}

TEST_F(RenderTest, LongKeysArePaidFor) {
  EXPECT_EQ(render("{% set ns = namespace(t=()) %}{% for i in range(60) %}{% set ns.t = (ns.t, ns.t) %}{% endfor %}"
                   "{{ {}[ns.t] }}"),
            "budget: the template takes more than 400184 steps");
  EXPECT_EQ(render("{% set d = dict([(1,1),(2,2),(3,3),(4,4),(5,5),(6,6),(7,7),(8,8)]) %}{% set s = 'x' * 1000000 %}"
                   "{% for i in range(100) %}{{ d[s] }}{% endfor %}"),
            "budget: the template takes more than 400184 steps");
}

TEST_F(RenderTest, MacrosRecurseTwoHundredDeep) {
  const std::string macro = "{% macro f(n) %}{% if n %}{{ f(n-1) }}{% else %}z{% endif %}{% endmacro %}";
  EXPECT_EQ(render(macro + "{{ f(240) }}"), "z");
  EXPECT_EQ(render(macro + "{{ f(300) }}"), "budget: statements and expressions more than 1000 deep in one another");
  EXPECT_EQ(render("{% macro g(n) %}{% for i in [1] %}{% if n %}{% call h() %}{{ g(n - 1) }}{% endcall %}{% endif %}"
                   "{% endfor %}{% endmacro %}{% macro h() %}{{ caller() }}{% endmacro %}{{ g(1000) }}"),
            "budget: statements and expressions more than 1000 deep in one another");
}

TEST_F(RenderTest, GeneratorsGiveTheirItemsOneByOne) {
  EXPECT_EQ(render("{{ x|selectattr('a','gt',0)|first }}", R"({"x":[{"a":1},{"a":"b"}]})"), "{'[a]': 1}");
  EXPECT_EQ(render("{% set g = ['a','b','c']|map('upper') %}{{ g|first }}{{ g|list }}{{ g|list }}"), "A['B', 'C'][]");
  EXPECT_EQ(render("{% set g = [3,1,2]|select %}{{ 1 in g }}{{ g|list }}"), "True[2]");
  EXPECT_EQ(render("{% set g = [1,2,3,4,5]|batch(2, 0) %}{{ g|first }}{{ g|list }}"), "[1, 2][[3, 4], [5, 0]]");
  EXPECT_EQ(render("{{ [1,2]|batch(0)|list }}{{ [1,2]|batch(none)|list }}"), "[[], [1, 2]][[1, 2]]");
  EXPECT_EQ(render("{% set g = [1,1,2]|unique %}{{ g|first }}{{ g|list }}"), "1[2]");
  EXPECT_EQ(render("{% set g = [1,2,3]|reverse %}{{ g|first }}{{ g|list }}"), "3[2, 1]");
  EXPECT_EQ(render("{% set g = [1,2,3,4]|slice(2) %}{{ g|first }}{{ g|list }}"), "[1, 2][[3, 4]]");
  EXPECT_EQ(render("{{ none|map('upper')|list }}{{ nothing|map('nosuch')|list }}"), "[][]");
}

TEST_F(RenderTest, PrintPrintsEachOfItsValues) {
  EXPECT_EQ(render("{% print 1, 2 %}{% print %}{% print (1, 2) %}"), "12(1, 2)");
}

TEST_F(RenderTest, RefusesWhatJinjaRefuses) {
  EXPECT_EQ(render("{% block a %}{% endblock %}{% block a %}{% endblock %}"), "syntax: block 'a' defined twice");
  EXPECT_EQ(render("{% for a, loop in x %}{% endfor %}"),
            "syntax: Can't assign to special loop variable in for-loop target");
  EXPECT_EQ(render("{% macro w(caller) %}{{ caller }}{% endmacro %}").substr(0, 47),
            "syntax: When defining macros or call blocks the");
  EXPECT_EQ(render("{% macro w(caller) %}x{% endmacro %}{% macro v(caller=1) %}{{ caller }}{% endmacro %}{{ v() }}"),
            "1");
  EXPECT_EQ(render("{{ 1 is none(1) }}"), "type: the test takes no argument (1 given)");
  EXPECT_EQ(render("{{ [1,2]|sort(reverse='x') }}"), "type: sort(): 'str' object cannot be interpreted as an integer");
  EXPECT_EQ(render("{{ [1,2]|sort(reverse=1) }}{{ [2,1]|sort(true) }}"), "[2, 1][2, 1]");
  EXPECT_EQ(render("{{ 1|attr(1) }}"), "type: attribute name must be string, not 'int'");
}

TEST_F(RenderTest, MacrosAndLoopsShowWhatTheyAre) {
  EXPECT_EQ(render("{% macro m(a,b=1) %}{{ kwargs }}{% endmacro %}"
                   "{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ m.catch_varargs }}{{ m.caller }}"),
            "m('a', 'b')TrueFalseFalse");
  EXPECT_EQ(render("{% for i in [1,2] %}{{ loop }}{% endfor %}"), "<LoopContext 1/2><LoopContext 2/2>");
  EXPECT_EQ(render("{% set v=5 %}{% macro a(v=v) %}[{{ v is defined }}]{% endmacro %}{{ a() }}").substr(1, 5), "False");
  EXPECT_EQ(render("{% macro a(x=y,y=2) %}{{ x }}{{ y }}{% endmacro %}{{ a() }} {{ a(y=7) }}"), "2 77");
}

/// The address sanitizer sees what a loop that holds itself would leave.
TEST_F(RenderTest, LoopsThatHoldThemselvesGo) {
  EXPECT_EQ(render("{% for i in [1,2] %}{{ loop.changed(loop) }}{% endfor %}"), "TrueFalse");
  EXPECT_EQ(render("{% set n = namespace() %}{% for i in [1] %}{% set n.l = loop %}{% endfor %}{{ n.l.changed(n.l) }}"),
            "True");
}

}  // namespace
}  // namespace llorch::jinja
