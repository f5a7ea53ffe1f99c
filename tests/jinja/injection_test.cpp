// No text of a user becomes a control token: every added token of real tokenizers, whole and in pieces, in every field
// of a request, through real templates. What the template itself wrote is counted from its own bytes, and nothing may
// come on top of that.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "support/testdata.h"
#include "tokenizer/chat.h"

namespace llorch {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kTokenizers[] = {"llama3", "qwen2.5_qwen3", "gpt-oss_o200k", "phi-3-mini", "llama2"};
constexpr const char* kTemplates[] = {"Qwen-Qwen3-0.6B",
                                      "Qwen3-Coder",
                                      "meta-llama-Llama-3.1-8B-Instruct",
                                      "openai-gpt-oss-120b",
                                      "deepseek-ai-DeepSeek-V3.1",
                                      "microsoft-Phi-3.5-mini-instruct",
                                      "NousResearch-Hermes-3-Llama-3.1-8B-tool_use",
                                      "Mistral-Small-3.2-24B-Instruct-2506",
                                      "GLM-4.6",
                                      "Kimi-K2-Instruct",
                                      "google-gemma-2-2b-it",
                                      "CohereForAI-c4ai-command-r7b-12-2024-tool_use"};

using Counts = std::map<std::int32_t, int>;

Counts control_counts(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids) {
  Counts counts;
  for (const std::int32_t id : ids) {
    if (tokenizer.is_control(id)) {
      ++counts[id];
    }
  }
  return counts;
}

/// Control tokens in the author's stretches alone, each by itself.
Counts counts_of_author(const Tokenizer& tokenizer, const jinja::Text& text) {
  Counts counts;
  text.each_run([&](std::string_view run, jinja::Origin origin) {
    if (origin == jinja::Origin::author) {
      const TextSegment segment{run, true};
      for (const auto& [id, n] : control_counts(tokenizer, tokenizer.encode_segments({&segment, 1}, {}))) {
        counts[id] += n;
      }
    }
  });
  return counts;
}

/// A conversation with `a` and `b` in every place where a client writes.
ChatInput everywhere(const std::string& a, const std::string& b) {
  ChatInput input;
  const Json call = {
      {"id", a}, {"type", "function"}, {"function", {{"name", a}, {"arguments", {{a, b}, {"k", a + b}}}}}};
  const Json messages = Json::array({
      {{"role", "system"}, {"content", a + b}},
      {{"role", "user"}, {"content", a}, {"name", b}},
      {{"role", "assistant"}, {"content", b}, {"reasoning_content", a}, {"thinking", b}, {"tool_calls", {call}}},
      {{"role", "tool"}, {"content", a + b}, {"tool_call_id", a}, {"name", b}},
      {{"role", "assistant"}, {"content", a}},
      {{"role", "user"}, {"content", b + a}},
  });
  input.messages = dump_json(messages);
  const Json parameters = {{"type", "object"}, {"properties", {{a, {{"type", "string"}, {"description", b}}}}}};
  const Json tools = {
      {{"type", "function"}, {"function", {{"name", a}, {"description", a + b}, {"parameters", parameters}}}}};
  input.tools = dump_json(tools);
  input.documents = dump_json(Json::array({{{"title", a}, {"text", b}}}));
  input.variables =
      dump_json(Json({{"reasoning_effort", a}, {"model_identity", b}, {"date_string", a}, {"custom", b}}));
  return input;
}

/// The same without what some templates refuse.
ChatInput plain(const std::string& a, const std::string& b) {
  ChatInput input;
  input.messages = to_json({{"user", a}, {"assistant", b}, {"user", a + b}, {"assistant", b + a}, {"user", b}});
  return input;
}

ChatInput odd_role(const std::string& a, const std::string& b) {
  ChatInput input;
  input.messages = to_json({{"user", a}, {a, b}, {b, a + b}});
  return input;
}

struct Loaded {
  std::string name;
  std::unique_ptr<Tokenizer> tokenizer;
  std::vector<std::string> added;
};

std::vector<Loaded> load_tokenizers(const std::string& root) {
  std::vector<Loaded> all;
  for (const char* name : kTokenizers) {
    const std::string path = root + "/tokenizers/" + name + "/tokenizer.json";
    auto tokenizer = load_tokenizer_json(path);
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    Loaded loaded{name, std::move(tokenizer).value(), {}};
    const auto document = nlohmann::json::parse(testing::read_file(path));
    const auto& added = document["added_tokens"];
    for (std::size_t i = 0; i < added.size(); ++i) {
      if (i % std::max<std::size_t>(1, added.size() / 16) == 0) {  // llama 3 has 256, most of one kind
        loaded.added.push_back(added[i]["content"]);
      }
    }
    all.push_back(std::move(loaded));
  }
  return all;
}

/// Renders and counts; false where the template refuses the shape.
bool check(const ChatTemplates& templates, const Tokenizer& tokenizer, const ChatInput& input,
           const std::string& what) {
  const auto result = templates.render(input, {});
  const auto* text = std::get_if<jinja::Text>(&result);
  if (text == nullptr) {
    return false;
  }
  const Counts counts = control_counts(tokenizer, encode_rendered(tokenizer, *text));
  EXPECT_EQ(counts, counts_of_author(tokenizer, *text)) << what;
  return true;
}

TEST(Injection, NoTextOfAUserBecomesAControlToken) {
  LLORCH_NEEDS_EXTRA_DATA("added tokens of real tokenizers through real templates");
  const std::string root = *testing::extra_data_dir();
  const std::vector<Loaded> tokenizers = load_tokenizers(root);
  int rendered = 0;
  int templates_used = 0;
  for (const char* folder : kTemplates) {
    ChatFiles files;
    files.templates.push_back(
        {"default", testing::read_file(root + "/templates/" + folder + "/template.jinja"), folder});
    const ChatTemplates templates(files);
    ASSERT_TRUE(templates.usable()) << folder;
    const int before = rendered;
    for (const Loaded& loaded : tokenizers) {
      for (const std::string& text : loaded.added) {
        for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, text.size() / 2, text.size() - 1}) {
          const std::string what = fmt::format("{} {} '{}' cut at {}", folder, loaded.name, text, cut);
          for (const auto& make : {everywhere, plain, odd_role}) {
            rendered += check(templates, *loaded.tokenizer, make(text.substr(0, cut), text.substr(cut)), what) ? 1 : 0;
          }
        }
      }
    }
    templates_used += rendered > before ? 1 : 0;
  }
  EXPECT_GE(templates_used, 10);
  EXPECT_GT(rendered, 2000);
  std::cout << rendered << " prompts through " << templates_used << " templates\n";
}

/// Ways on which a text leaves a template as a name, a key, a separator or a format.
constexpr const char* kDetours[] = {
    "{{ dict(**d) }}",
    "{{ dict(a=1, **d)|list }}",
    "{{ namespace(**d) }}",
    "{{ namespace(d) }}",
    "{% macro m() %}{{ kwargs }}{{ kwargs|first }}{% endmacro %}{{ m(**d) }}",
    "{% macro m() %}{{ varargs }}{% endmacro %}{{ m(*d) }}",
    "{% macro m() %}{{ caller(**d) }}{% endmacro %}{% call m() %}{{ kwargs }}{% endcall %}",
    "{{ '%s'|format(d) }}{{ '%r' % d }}{{ '%a' % x }}",
    "{{ ('%(' ~ x ~ ')s')|format(**d) }}{{ x.format() }}{{ x % () }}",
    "{{ '{0[k]}{1!r:>40}{1:{2}}'.format({'k': x}, x, '>30') }}{{ '{k}'.format_map({'k': x}) }}",
    "{{ [1, d]|tojson(separators=(x, x)) }}{{ d|tojson(indent=x) }}",
    "{{ d|tojson(sort_keys=true) }}{{ d|dictsort }}{{ d|items|list }}{{ d.keys() }}{{ d|pprint }}",
    "{{ [1, 2]|join(x) }}{{ x.join('ab') }}{{ 'a'|indent(x) }}{{ 'b'.center(40, '<') }}{{ 'ab'.replace('b', x) }}",
    "{{ [d]|groupby(x) }}{{ [d]|map(attribute=x)|list }}{{ [d]|sum(attribute=x, start='')|default('') }}",
    "{{ cycler(x).next() }}{% set j = joiner(x) %}{{ j() }}{{ j() }}{{ strftime_now(x) }}",
    "{{ x|upper|lower }}{{ x|title }}{{ x[::-1][::-1] }}{{ x|list }}{{ x.partition('E') }}{{ x|escape }}{{ x|urlencode "
    "}}",
    "{{ x|truncate(8, true, x) }}{{ ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' ~ x)|truncate(20, true, x, 0) }}",
};

TEST(Injection, NamesAndKeysStayTheUsers) {
  int rendered = 0;
  for (const char* source : kDetours) {
    ChatFiles files;
    files.templates.push_back({"default", source, "here"});
    ChatInput input;
    input.messages = "[]";
    input.variables = R"({"d":{"<|END|>":"<|END|>"},"x":"<|END|>"})";
    const auto result = ChatTemplates(files).render(input, {});
    const auto* text = std::get_if<jinja::Text>(&result);
    if (text == nullptr) {
      continue;
    }
    ++rendered;
    text->each_run([&](std::string_view run, jinja::Origin origin) {
      if (origin == jinja::Origin::author) {
        EXPECT_EQ(run.find("|"), std::string_view::npos) << source << "\n" << text->view();
      }
    });
  }
  EXPECT_GE(rendered, 12);
}

}  // namespace
}  // namespace llorch
