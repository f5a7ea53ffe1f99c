// Bodies of POST /execute, good and bad.
#include "server/execute_request.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace llorch {
namespace {

constexpr ExecuteLimits kLimits = {.max_tokens = 100, .vocab = 50};

std::vector<FieldError> faults(const std::string& body) {
  auto parsed = parse_execute_request(body, kLimits);
  const auto* errors = std::get_if<std::vector<FieldError>>(&parsed);
  return errors == nullptr ? std::vector<FieldError>() : *errors;
}

/// A request that is good but for these fields.
std::string with(const std::string& fields) {
  return R"({"job_id":"j","prompt":"p",)" + fields + "}";
}

ExecuteRequest good(const std::string& body) {
  auto parsed = parse_execute_request(body, kLimits);
  if (const auto* request = std::get_if<ExecuteRequest>(&parsed)) {
    return *request;
  }
  ADD_FAILURE() << errors_body(std::get<1>(parsed));
  return {};
}

struct Bad {
  const char* fields;
  const char* field;
  const char* constraint;
};

class BadField : public ::testing::TestWithParam<Bad> {};

TEST_P(BadField, IsNamed) {
  const std::vector<FieldError> errors = faults(with(GetParam().fields));
  ASSERT_EQ(errors.size(), 1U) << GetParam().fields;
  EXPECT_EQ(errors[0].field, GetParam().field);
  EXPECT_EQ(errors[0].constraint, GetParam().constraint);
  EXPECT_FALSE(errors[0].message.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadField,
    ::testing::Values(
        Bad{R"("max_tokens":0)", "max_tokens", "range(1,100)"},
        Bad{R"("max_tokens":101)", "max_tokens", "range(1,100)"},
        Bad{R"("max_tokens":-1)", "max_tokens", "range(1,100)"},
        Bad{R"("max_tokens":18446744073709551615)", "max_tokens", "range(1,100)"},
        Bad{R"("max_tokens":-9223372036854775808)", "max_tokens", "range(1,100)"},
        Bad{R"("max_tokens":1.5)", "max_tokens", "type(integer)"},
        Bad{R"("max_tokens":1.0)", "max_tokens", "type(integer)"},
        Bad{R"("max_tokens":"5")", "max_tokens", "type(integer)"},
        Bad{R"("temperature":2.01)", "temperature", "range(0,2)"},
        Bad{R"("temperature":-0.1)", "temperature", "range(0,2)"},
        Bad{R"("temperature":true)", "temperature", "type(number)"}, Bad{R"("top_p":7)", "top_p", "range(0,1)"},
        Bad{R"("min_p":-1)", "min_p", "range(0,1)"}, Bad{R"("top_k":51)", "top_k", "range(0,50)"},
        Bad{R"("top_k":-1)", "top_k", "range(0,50)"},
        Bad{R"("repetition_penalty":0)", "repetition_penalty", "range(0.01,2)"},
        Bad{R"("presence_penalty":2.5)", "presence_penalty", "range(-2,2)"},
        Bad{R"("frequency_penalty":-2.5)", "frequency_penalty", "range(-2,2)"},
        Bad{R"("frequency_penalty":[])", "frequency_penalty", "type(number)"},
        Bad{R"("stop":"")", "stop", "length(1,256)"}, Bad{R"("stop":7)", "stop", "type(string,array)"},
        Bad{R"("stop":["a",7])", "stop[1]", "type(string)"}, Bad{R"("stop":["a",""])", "stop[1]", "length(1,256)"},
        Bad{R"("stop":["","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p","q"])", "stop", "max_items(16)"},
        Bad{R"("seed":-1)", "seed", "type(uint64)"}, Bad{R"("seed":1.5)", "seed", "type(uint64)"},
        Bad{R"("seed":18446744073709551616)", "seed", "type(uint64)"}, Bad{R"("seed":"1")", "seed", "type(uint64)"},
        Bad{R"("parse_special":1)", "parse_special", "type(boolean)"},
        Bad{R"("stream":"yes")", "stream", "type(boolean)"}, Bad{R"("trace":1)", "trace", "type(boolean)"},
        Bad{R"("messages":[{"role":"user","content":"x"}])", "messages", "exclusive(prompt)"},
        Bad{R"("max_token":5)", "max_token", "unknown"}));

struct BadBody {
  const char* body;
  const char* field;
  const char* constraint;
};

class BadBodies : public ::testing::TestWithParam<BadBody> {};

TEST_P(BadBodies, AreNamed) {
  const std::vector<FieldError> errors = faults(GetParam().body);
  ASSERT_EQ(errors.size(), 1U) << GetParam().body;
  EXPECT_EQ(errors[0].field, GetParam().field);
  EXPECT_EQ(errors[0].constraint, GetParam().constraint);
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadBodies,
    ::testing::Values(
        BadBody{"", "body", "json"}, BadBody{"{", "body", "json"}, BadBody{"{} x", "body", "json"},
        BadBody{"{\"prompt\":\"\xff\"}", "body", "json"}, BadBody{R"({"a":1,"a":2})", "body", "json"},
        BadBody{R"({"seed":NaN})", "body", "json"}, BadBody{"[]", "body", "type(object)"},
        BadBody{"7", "body", "type(object)"}, BadBody{R"({"prompt":"p"})", "job_id", "required"},
        BadBody{R"({"job_id":"","prompt":"p"})", "job_id", "length(1,128)"},
        BadBody{R"({"job_id":7,"prompt":"p"})", "job_id", "type(string)"},
        BadBody{R"({"job_id":"j"})", "prompt", "required"},
        BadBody{R"({"job_id":"j","prompt":""})", "prompt", "min_length(1)"},
        BadBody{R"({"job_id":"j","prompt":["p"]})", "prompt", "type(string)"},
        BadBody{R"({"job_id":"j","messages":"p"})", "messages", "type(array)"},
        BadBody{R"({"job_id":"j","messages":[]})", "messages", "min_length(1)"},
        BadBody{R"({"job_id":"j","messages":["p"]})", "messages[0]", "type(object)"},
        BadBody{R"({"job_id":"j","messages":[{"role":"user"}]})", "messages[0].content", "required"},
        BadBody{R"({"job_id":"j","messages":[{"role":7,"content":""}]})", "messages[0].role", "type(string)"},
        BadBody{R"({"job_id":"j","messages":[{"role":"user","content":7}]})", "messages[0].content",
                "type(string,array)"},
        BadBody{R"({"job_id":"j","messages":[{"role":"user","content":[{"type":"image_url"}]}]})",
                "messages[0].content[0]", "type(text)"},
        BadBody{R"({"job_id":"j","messages":[{"role":"user","content":"","tool_calls":7}]})", "messages[0].tool_calls",
                "type(array)"},
        BadBody{R"({"job_id":"j","messages":[{"role":"user","content":""}],"tools":{}})", "tools", "type(array)"},
        BadBody{R"({"job_id":"j","messages":[{"role":"user","content":""}],"documents":[7]})", "documents[0]",
                "type(object)"},
        BadBody{R"({"job_id":"j","messages":[{"role":"user","content":""}],"chat_template":7})", "chat_template",
                "type(string)"},
        BadBody{R"({"job_id":"j","messages":[{"role":"user","content":""}],"chat_template_kwargs":[]})",
                "chat_template_kwargs", "type(object)"},
        BadBody{R"({"job_id":"j","messages":[{"role":"user","content":""}],"chat_template_kwargs":{"a":1,"tools":1}})",
                "chat_template_kwargs.tools", "other_name"},
        BadBody{R"({"job_id":"j","prompt":"p","tools":[]})", "tools", "requires(messages)"}));

TEST(ExecuteRequest, EveryFaultAtOnce) {
  const auto errors = faults(R"({"prompt":7,"top_p":7,"temperature":"hot","seed":-1,"stop":[1,2],"wrong":0})");
  std::vector<std::string> fields;
  for (const FieldError& error : errors) {
    fields.push_back(error.field);
  }
  const std::vector<std::string> expected = {"job_id",  "prompt",  "temperature", "top_p",
                                             "stop[0]", "stop[1]", "seed",        "wrong"};
  EXPECT_EQ(fields, expected);
  const auto body = nlohmann::json::parse(errors_body(errors));
  const nlohmann::json expected_fault = {
      {"field", "top_p"}, {"constraint", "range(0,1)"}, {"message", "must be between 0 and 1"}, {"value", "7"}};
  EXPECT_EQ(body["errors"][3], expected_fault);
}

TEST(ExecuteRequest, Defaults) {
  const ExecuteRequest request = good(R"({"job_id":"j","prompt":"p"})");
  EXPECT_EQ(request.job_id, "j");
  EXPECT_EQ(request.prompt, "p");
  EXPECT_FALSE(request.max_tokens);
  EXPECT_EQ(request.sampling.temperature, 1.0F);
  EXPECT_EQ(request.sampling.top_p, 1.0F);
  EXPECT_EQ(request.sampling.top_k, 0);
  EXPECT_TRUE(request.stop.empty());
  EXPECT_TRUE(request.stream);
  EXPECT_FALSE(request.parse_special);
  EXPECT_NE(request.sampling.seed, good(R"({"job_id":"j","prompt":"p"})").sampling.seed) << "seeds are drawn";
}

TEST(ExecuteRequest, NullIsAbsent) {
  const ExecuteRequest request =
      good(R"({"job_id":"j","prompt":"p","messages":null,"max_tokens":null,"temperature":null,
      "top_p":null,"min_p":null,"top_k":null,"repetition_penalty":null,"presence_penalty":null,"frequency_penalty":null,
      "stop":null,"seed":null,"parse_special":null,"trace":null,"stream":null})");
  EXPECT_FALSE(request.chat);
  EXPECT_FALSE(request.max_tokens);
  EXPECT_EQ(request.sampling.temperature, 1.0F);
  EXPECT_TRUE(request.stop.empty());
  EXPECT_TRUE(request.stream);
  EXPECT_EQ(faults(R"({"job_id":null,"prompt":"p"})").at(0).field, "job_id");
}

TEST(ExecuteRequest, MessagesComeInTheFormThatTemplatesTake) {
  const ExecuteRequest request = good(R"({"job_id":"j","messages":[
      {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
      {"content":null,"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\"z\":1,\"a\":2}"}}]}],
      "tools":[{"z":1,"a":2}],"documents":[],"chat_template":"rag","chat_template_kwargs":{"x":true},
      "add_generation_prompt":false})");
  ASSERT_TRUE(request.chat);
  EXPECT_EQ(request.chat->messages, R"([{"role":"user","content":"a\nb"},{"content":null,"role":"assistant",)"
                                    R"("tool_calls":[{"function":{"name":"f","arguments":{"z":1,"a":2}}}]}])");
  EXPECT_EQ(request.chat->tools, R"([{"z":1,"a":2}])");
  EXPECT_EQ(request.chat->documents, "");
  EXPECT_EQ(request.chat->template_name, "rag");
  EXPECT_EQ(request.chat->variables, R"({"x":true})");
  EXPECT_FALSE(request.chat->add_generation_prompt);
}

TEST(ExecuteRequest, EveryField) {
  const ExecuteRequest request = good(R"({"job_id":"j","messages":[{"role":"system","content":""},
      {"role":"user","content":"ü"}],"max_tokens":100,"temperature":0,"top_p":0.5,"min_p":1,"top_k":50,
      "repetition_penalty":0.01,"presence_penalty":-2,"frequency_penalty":2,"stop":["END","\n"],
      "seed":18446744073709551615,"parse_special":true,"trace":false,"stream":false})");
  ASSERT_TRUE(request.chat);
  EXPECT_EQ(request.chat->messages, R"([{"role":"system","content":""},{"role":"user","content":"ü"}])");
  EXPECT_EQ(request.max_tokens, 100);
  EXPECT_EQ(request.sampling.temperature, 0.0F);
  EXPECT_EQ(request.sampling.top_k, 50);
  EXPECT_EQ(request.sampling.seed, UINT64_MAX);
  EXPECT_EQ(request.stop, (std::vector<std::string>{"END", "\n"}));
  EXPECT_TRUE(request.parse_special);
  EXPECT_FALSE(request.stream);
  EXPECT_EQ(good(with(R"("stop":"END")")).stop, std::vector<std::string>{"END"});
}

TEST(ExecuteRequest, LongValuesAreShownInPart) {
  const auto errors = faults(with("\"top_p\":\"" + std::string(10000, 'x') + "\""));
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_LT(errors[0].value.size(), 100U);
  EXPECT_EQ(faults(R"({"job_id":")" + std::string(129, 'j') + R"(","prompt":"p"})").size(), 1U);
  EXPECT_TRUE(faults(R"({"job_id":")" + std::string(128, 'j') + R"(","prompt":"p"})").empty());
}

TEST(ExecuteRequest, TheLastOfManyFaultsSaysThatThereAreMore) {
  std::string fields;
  for (int i = 0; i < 63; ++i) {
    fields += (i == 0 ? "\"x" : ",\"x") + std::to_string(i) + "\":1";
  }
  const auto most = faults(with(fields));
  ASSERT_EQ(most.size(), 63U);
  EXPECT_EQ(most.back().field, "x62");
  for (const char* more : {R"(,"y":1)", R"(,"y":1,"z":1)"}) {
    const auto errors = faults(with(fields + more));
    ASSERT_EQ(errors.size(), 64U);
    EXPECT_EQ(errors.back().field, "body");
    EXPECT_EQ(errors.back().constraint, "max_errors(64)");
  }
}

TEST(ExecuteRequest, DeepNestingIsRefused) {
  EXPECT_EQ(faults(std::string(100'000, '[')).size(), 1U);
}

}  // namespace
}  // namespace llorch
