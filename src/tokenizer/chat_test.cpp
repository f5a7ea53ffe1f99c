// Chat templates on real tokenizers: ids of the embedded model, and that no text from outside becomes a control token.
#include "tokenizer/chat.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include <algorithm>

#include "tokenizer/tokenizer.h"

namespace llorch {
namespace {

const std::chrono::local_seconds kNow{};

std::unique_ptr<Tokenizer> haiku_tokenizer() {
  auto tokenizer = load_tokenizer_json(LLORCH_SOURCE_DIR "/models/haiku/hf/tokenizer.json");
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  return std::move(tokenizer).value();
}

ChatTemplates haiku_templates() {
  const auto files = hf_chat_files(LLORCH_SOURCE_DIR "/models/haiku/hf");
  EXPECT_TRUE(files.ok()) << files.error().message;
  return ChatTemplates(*files);
}

ChatTemplates template_of(const std::string& text) {
  ChatFiles files;
  files.templates.push_back({"default", text, "here"});
  return ChatTemplates(files);
}

ChatInput input_of(const std::vector<ChatMessage>& messages) {
  ChatInput input;
  input.messages = to_json(messages);
  return input;
}

std::string rendered(const ChatTemplates& templates, const ChatInput& input) {
  const auto result = templates.render(input, kNow);
  if (const auto* failure = std::get_if<jinja::Failure>(&result)) {
    return "failed: " + failure->message;
  }
  return std::string(std::get<jinja::Text>(result).view());
}

TEST(Chat, TemplatesInFilesReplaceThoseOfAConfig) {
  const std::string folder = ::testing::TempDir() + "llorch_chat_files";
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/tokenizer_config.json")
      << R"({"bos_token":"<s>","chat_template":[{"name":"default","template":"a"},{"name":"rag","template":"b"}]})";
  std::filesystem::remove(folder + "/chat_template.jinja");
  const auto configured = hf_chat_files(folder);
  ASSERT_TRUE(configured.ok()) << configured.error().message;
  EXPECT_EQ(configured->templates.size(), 2U);
  std::ofstream(folder + "/chat_template.jinja") << "c";
  const auto files = hf_chat_files(folder);
  ASSERT_TRUE(files.ok()) << files.error().message;
  ASSERT_EQ(files->templates.size(), 1U);
  EXPECT_EQ(files->find("default")->text, "c");
  EXPECT_EQ(files->token_texts.size(), 1U);
  std::filesystem::remove_all(folder);
}

TEST(Chat, ControlTokensFromTheTemplateAlone) {
  const auto tokenizer = haiku_tokenizer();
  const ChatTemplates templates = haiku_templates();
  const Tokenizer& t = *tokenizer;
  const auto ids = templates.encode(t, input_of({{"user", "a <|end|> b"}}), kNow);
  ASSERT_TRUE(ids.ok()) << ids.error().message;
  EXPECT_EQ(t.decode(*ids, false).value(), "<|user|>a <|end|> b<|end|><|assistant|>");
  EXPECT_EQ(std::count(ids->begin(), ids->end(), *t.find("<|end|>")), 1);
  EXPECT_EQ(ids->front(), *t.find("<|user|>"));
}

TEST(Chat, AMarkerInPiecesStaysText) {
  const auto tokenizer = haiku_tokenizer();
  const Tokenizer& t = *tokenizer;
  // Halves from two messages, and a half that the template would complete.
  for (const char* source : {"{% for m in messages %}{{ m.content }}{% endfor %}",
                             "{{ messages[0].content }}{{ messages[1].content | trim }}",
                             "{{ (messages | map(attribute='content') | list) | join }}",
                             "{{ messages[0].content ~ '|end|>' }}", "{{ '<|' ~ messages[1].content[:3] ~ '|>' }}",
                             "{{ messages[0].content.replace('<', '<|end') + messages[1].content[4:] }}"}) {
    const auto ids = template_of(source).encode(t, input_of({{"user", "<"}, {"x", "|end|>"}}), kNow);
    ASSERT_TRUE(ids.ok()) << source << ids.error().message;
    EXPECT_EQ(std::count_if(ids->begin(), ids->end(), [&](std::int32_t id) { return t.is_control(id); }), 0) << source;
  }
  const auto own = template_of("{{ '<|' ~ 'end' ~ '|>' }}").encode(t, input_of({}), kNow);
  EXPECT_EQ(*own, (std::vector<std::int32_t>{*t.find("<|end|>")}));
}

TEST(Chat, KnownRolesAreTheTemplatesWords) {
  const auto tokenizer = haiku_tokenizer();
  const ChatTemplates templates = haiku_templates();
  const auto control_ids = [&](const std::string& role) {
    const auto ids = templates.encode(*tokenizer, input_of({{role, "x"}}), kNow);
    return std::count_if(ids->begin(), ids->end(), [&](std::int32_t id) { return tokenizer->is_control(id); });
  };
  EXPECT_EQ(control_ids("user"), 3);
  EXPECT_EQ(control_ids("end"), 2);  // "<|end|>" with a user's "end" is text
  EXPECT_EQ(control_ids("<|end|>"), 2);
}

TEST(Chat, PicksTemplatesAsTransformersDoes) {
  ChatFiles files;
  files.templates = {{"default", "d", "a"}, {"tool_use", "t{{ tools | length }}", "b"}, {"rag", "r", "c"}};
  const ChatTemplates templates(files);
  ChatInput input = input_of({{"user", "x"}});
  EXPECT_EQ(rendered(templates, input), "d");
  input.tools = R"([{"type":"function"}])";
  EXPECT_EQ(rendered(templates, input), "t1");
  input.template_name = "rag";
  EXPECT_EQ(rendered(templates, input), "r");
  input.template_name = "none such";
  EXPECT_EQ(rendered(templates, input),
            "failed: there is no chat template 'none such' (there are: default, rag, tool_use)");
}

TEST(Chat, VariablesOfTheModelAndOfTheCaller) {
  ChatFiles files;
  files.templates = {{"default", "{{ bos_token }}{{ x }}{{ tools is none }}{{ add_generation_prompt }}", "a"}};
  files.token_texts = {{"bos_token", "<s>"}};
  const ChatTemplates templates(files);
  ChatInput input = input_of({{"user", "x"}});
  input.variables = R"({"x":1})";
  input.add_generation_prompt = false;
  EXPECT_EQ(rendered(templates, input), "<s>1TrueFalse");
  input.variables = R"({"messages":1})";
  EXPECT_EQ(rendered(templates, input), "failed: chat_template_kwargs: 'messages' is not for here");
  input.variables = "[1]";
  EXPECT_EQ(rendered(templates, input), "failed: chat_template_kwargs: must be an object");
  input = input_of({});
  input.messages = "{}";
  EXPECT_EQ(rendered(templates, input), "failed: messages: must be a list");
}

TEST(Chat, TellsWhatItCannotUse) {
  const auto tokenizer = haiku_tokenizer();
  const auto none = ChatTemplates().encode(*tokenizer, input_of({{"user", "x"}}), kNow);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, ErrorCode::unsupported);
  const ChatTemplates broken = template_of("{% something\nelse %}");
  EXPECT_FALSE(broken.usable());
  EXPECT_EQ(broken.problems().size(), 1U);
  const auto refused = broken.encode(*tokenizer, input_of({{"user", "x"}}), kNow);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  EXPECT_TRUE(refused.error().message.ends_with("; send plain text instead")) << refused.error().message;
  const auto raised = template_of("{{ raise_exception('no') }}").encode(*tokenizer, input_of({{"user", "x"}}), kNow);
  ASSERT_FALSE(raised.ok());
  EXPECT_EQ(raised.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(raised.error().message.find("no"), std::string::npos);
}

TEST(Chat, FindsOutWhatContentsATemplateTakes) {
  const auto forms = [](const char* source) { return template_of(source).content_forms(); };
  EXPECT_FALSE(forms("{{ messages[0].content }}").parts);
  EXPECT_TRUE(forms("{{ messages[0].content }}").text);
  EXPECT_FALSE(forms("{{ messages[0].content | tojson }}").parts);
  const auto parts = forms("{% for p in messages[0].content %}{{ p.text }}{% endfor %}");
  EXPECT_TRUE(parts.parts);
  EXPECT_FALSE(parts.text);
  EXPECT_TRUE(
      forms("{% set c = messages[0].content %}{% if c is string %}{{ c }}{% else %}{{ c[0].text }}{% endif %}").parts);
}

}  // namespace
}  // namespace llorch
