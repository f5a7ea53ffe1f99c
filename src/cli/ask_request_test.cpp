#include "cli/ask_request.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/temp_dir.h"
#include "support/testdata.h"

namespace llorch::cli {
namespace {

using nlohmann::json;

/// The body for a question with these sampling options.
json body_of(const std::string& command_line, AskArgs args = {}, bool chat = false) {
  CLI::App app;
  add_request_options(app, args.sampling);
  app.parse(command_line);
  args.prompt = "a pond";
  args.job_id = "j1";
  return json::parse(ask_body(args, chat));
}

TEST(AskBody, OnlyWhatWasGiven) {
  EXPECT_EQ(body_of(""), (json{{"job_id", "j1"}, {"prompt", "a pond"}}));
  EXPECT_EQ(body_of("--temperature 0.7 --top-k 40 --top-p 0.95 --min-p 0.05 --repetition-penalty 1.1 --seed 42 "
                    "--presence-penalty -0.5 --frequency-penalty 0.25 --max-tokens 16 --stop END --stop x"),
            (json{{"job_id", "j1"},
                  {"prompt", "a pond"},
                  {"temperature", 0.7},
                  {"top_k", 40},
                  {"top_p", 0.95},
                  {"min_p", 0.05},
                  {"repetition_penalty", 1.1},
                  {"presence_penalty", -0.5},
                  {"frequency_penalty", 0.25},
                  {"seed", 42},
                  {"max_tokens", 16},
                  {"stop", {"END", "x"}}}));
}

TEST(AskBody, ValuesThatAreTheDefaultAreSentWhenGiven) {
  const json body = body_of("--temperature 0 --top-k 0 --top-p 1 --seed 18446744073709551615 --max-tokens 0");
  EXPECT_EQ(body["temperature"], 0);
  EXPECT_EQ(body["top_k"], 0);
  EXPECT_EQ(body["top_p"], 1);
  EXPECT_EQ(body["seed"], 18446744073709551615ULL);
  EXPECT_FALSE(body.contains("max_tokens")) << "0 means: as many as the context allows";
}

TEST(AskBody, HasEveryOptionOfARequest) {
  CLI::App app;
  app.set_help_flag();
  SamplingArgs sampling;
  add_request_options(app, sampling);
  ASSERT_FALSE(app.get_options().empty());
  for (const CLI::Option* option : app.get_options()) {
    EXPECT_NE(body_of(option->get_name() + " 1"), body_of("")) << option->get_name() << " is taken and not sent";
  }
}

TEST(AskBody, Messages) {
  const json user = {{"role", "user"}, {"content", "a pond"}};
  EXPECT_EQ(body_of("", {}, true), (json{{"job_id", "j1"}, {"messages", {user}}}));
  AskArgs args;
  args.system = "be brief";
  EXPECT_EQ(body_of("", args, true)["messages"], (json{{{"role", "system"}, {"content", "be brief"}}, user}));
}

TEST(AskBody, OneObjectIsNoStream) {
  AskArgs args;
  args.format = "json";
  EXPECT_EQ(body_of("", args)["stream"], false);
  args.format = "ndjson";
  EXPECT_FALSE(body_of("", args).contains("stream"));
}

TEST(AskBody, JobIdsAreDrawn) {
  const auto drawn = [] { return json::parse(ask_body({}, false))["job_id"].get<std::string>(); };
  const std::string first = drawn();
  EXPECT_EQ(first.size(), std::string("ask-0123456789abcdef").size());
  EXPECT_NE(first, drawn());
}

TEST(AskCheck, FaultsOfTheCommandLine) {
  const auto fault = [](auto change) {
    AskArgs args;
    change(args);
    const Status status = check(args);
    return status.ok() ? "" : status.error().message;
  };
  EXPECT_EQ(fault([](AskArgs&) {}), "");
  EXPECT_TRUE(fault([](AskArgs& a) { a.prompt = "\xFF"; }).starts_with("PROMPT"));
  EXPECT_TRUE(fault([](AskArgs& a) { a.system = "\xC3"; }).starts_with("--system"));
  EXPECT_TRUE(fault([](AskArgs& a) { a.job_id = "\x80"; }).starts_with("--job-id"));
  EXPECT_TRUE(fault([](AskArgs& a) { a.sampling.stop = {"\xED\xA0\x80"}; }).starts_with("--stop"));
  EXPECT_TRUE(fault([](AskArgs& a) { a.sampling.stop.resize(17, "x"); }).starts_with("--stop"));
  EXPECT_TRUE(fault([](AskArgs& a) { a.raw = true, a.system = "x"; }).starts_with("--system"));
  EXPECT_TRUE(fault([](AskArgs& a) { a.insecure = true, a.cacert = "x"; }).starts_with("--cacert"));
}

TEST(AskKey, TheFirstLineThatIsNotBlank) {
  const testing::TempDir folder;
  const std::string path = folder.path() + "/keys";
  const auto key_in = [&path](const std::string& text) {
    testing::write_file(path, text);
    return read_api_key(path);
  };
  EXPECT_EQ(read_api_key("").value(), "");
  EXPECT_EQ(key_in("abc").value(), "abc");
  EXPECT_EQ(key_in("\n \t\r\n  k-1 \r\nsecond\n").value(), "k-1");
  for (const char* text : {"", "\n\n", "a b", "a\x01", "\xC3\xA9"}) {
    const auto key = key_in(text);
    ASSERT_FALSE(key.ok()) << text;
    EXPECT_EQ(key.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(key.error().message.find(path), std::string::npos);
  }
  EXPECT_FALSE(read_api_key(path + "-missing").ok());
}

TEST(AskCurlLine, QuotesForAShell) {
  AskArgs args;
  EXPECT_EQ(curl_line(args, {"http://h:1", ""}, R"({"prompt":"it's $1"})"),
            "curl -N 'http://h:1/execute' -H 'Content-Type: application/json' -H 'Accept: text/event-stream' "
            R"(-d '{"prompt":"it'\''s $1"}')");
  args.insecure = true;
  args.format = "ndjson";
  EXPECT_EQ(curl_line(args, {"http://localhost", "/a b"}, "{}"),
            "curl -N 'http://localhost/execute' --unix-socket '/a b' --insecure -H 'Content-Type: application/json' "
            "-H 'Accept: application/x-ndjson' -d '{}'");
  args.api_key_file = "/keys";
  EXPECT_NE(curl_line(args, {"http://h:1", ""}, "{}").find("$(grep -m1 '[^[:space:]]' '/keys')"), std::string::npos);
}

}  // namespace
}  // namespace llorch::cli
