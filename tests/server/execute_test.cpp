// POST /execute against the embedded model: order and fields of events, seeds, stops, faults, clients that leave.
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <set>

#include "server/daemon.h"
#include "support/testdata.h"

namespace llorch::testing {
namespace {

class Execute : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    daemon = new Daemon(Daemon::haiku());
    daemon->wait_ready();
  }
  static void TearDownTestSuite() {
    delete daemon;
    daemon = nullptr;
  }
  static std::vector<Json> events(const Json& body) {
    const Answer answer = daemon->execute(body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return sse_events(answer.body);
  }
  /// The field and constraint of each fault of a 400.
  static std::vector<std::string> faults(const Json& body) {
    const Answer answer = daemon->execute(body);
    EXPECT_EQ(answer.status, 400) << answer.body;
    std::vector<std::string> found;
    for (const Json& error : answer.json().value("errors", Json::array())) {
      EXPECT_EQ(error.size(), 4U) << error;
      found.push_back(error["field"].get<std::string>() + " " + error["constraint"].get<std::string>());
    }
    return found;
  }
  static Json prompt(const std::string& text) { return {{"job_id", "j"}, {"prompt", text}, {"max_tokens", 20}}; }
  static Daemon* daemon;
};
Daemon* Execute::daemon = nullptr;

TEST_F(Execute, EventsInOrder) {
  const Answer answer = daemon->execute({{"job_id", "j1"}, {"prompt", "moon"}, {"max_tokens", 12}, {"seed", 42}});
  EXPECT_NE(answer.head.find("\r\nContent-Type: text/event-stream\r\n"), std::string::npos);
  EXPECT_NE(answer.head.find("\r\nCache-Control: no-store\r\n"), std::string::npos);
  const std::vector<Json> all = sse_events(answer.body);
  ASSERT_GE(all.size(), 3U);
  const Json& started = all.front();
  EXPECT_EQ(started["type"], "started");
  EXPECT_EQ(started["job_id"], "j1");
  EXPECT_EQ(started["seed"], 42);
  EXPECT_EQ(started["model"], daemon->health()["model"]);
  EXPECT_EQ(started["started_at"].get<std::string>().size(), 20U);
  int last = -1;
  for (std::size_t i = 1; i + 2 < all.size(); ++i) {
    EXPECT_EQ(all[i]["type"], "token");
    EXPECT_FALSE(all[i]["t"].get<std::string>().empty());
    EXPECT_GT(all[i]["i"], last);
    last = all[i]["i"];
  }
  const Json& metrics = all[all.size() - 2];
  EXPECT_EQ(metrics["type"], "metrics");
  EXPECT_EQ(metrics["vram_bytes"], daemon->health()["vram_bytes_used"]);
  const Json& end = all.back();
  EXPECT_EQ(end["type"], "end");
  EXPECT_GE(end["tokens_out"], last + 1);
  EXPECT_LE(end["tokens_out"], 12);
  EXPECT_EQ(end["prompt_tokens"], started["prompt_tokens"]);
  EXPECT_TRUE(end["decode_time_ms"].is_number_integer());
  EXPECT_FALSE(end.contains("stop_sequence_matched"));
  for (const char* field : {"queue_ms", "prefill_ms", "ttft_ms", "cached_tokens", "tokens_per_sec"}) {
    EXPECT_GE(end[field], 0) << field;
  }
}

TEST_F(Execute, MessagesGoThroughTheTemplate) {
  const auto all = events({{"job_id", "m"},
                           {"temperature", 0},
                           {"messages", {{{"role", "user"}, {"content", "Write a haiku about GPU computing"}}}}});
  EXPECT_EQ(all.back()["stop_reason"], "EOS");
  EXPECT_FALSE(text_of(all).empty());
  EXPECT_EQ(text_of(all).find("<|"), std::string::npos);
}

TEST(ExecuteWithoutChat, MessagesAreRefusedAndPromptIsNamed) {
  Daemon daemon({"--model", data_dir() + "/families/llama/model.gguf", "--port", "0", "--threads", "1"});
  daemon.wait_ready();
  const Answer answer = daemon.execute({{"job_id", "j"}, {"messages", {{{"role", "user"}, {"content", "hello"}}}}});
  EXPECT_EQ(answer.status, 400);
  const std::string message = answer.json()["errors"][0]["message"];
  EXPECT_TRUE(message.ends_with("send plain text instead (the field prompt)")) << message;
}

TEST_F(Execute, EqualSeedsGiveEqualBytes) {
  Json body = prompt("The moon");
  body["seed"] = UINT64_MAX;
  const auto first = events(body);
  EXPECT_EQ(first.front()["seed"], UINT64_MAX);
  EXPECT_EQ(text_of(first), text_of(events(body)));
  std::set<std::string> texts;
  for (int seed = 0; seed < 5; ++seed) {
    body["seed"] = seed;
    texts.insert(text_of(events(body)));
  }
  EXPECT_GT(texts.size(), 1U) << "other seeds give other texts";
}

TEST_F(Execute, SingleObjectAndNdjsonSayTheSame) {
  Json body = prompt("The moon");
  body["seed"] = 7;
  const std::string text = text_of(events(body));
  const auto lines = ndjson_events(daemon->execute(body, "Accept: application/x-ndjson\r\n").body);
  EXPECT_EQ(lines.front()["type"], "started");
  EXPECT_EQ(lines.back()["type"], "end");
  EXPECT_EQ(text_of(lines), text);
  body["stream"] = false;
  const Answer answer = daemon->execute(body);
  EXPECT_NE(answer.head.find("\r\nContent-Type: application/json\r\n"), std::string::npos);
  EXPECT_EQ(answer.json()["text"], text);
  EXPECT_EQ(answer.json()["job_id"], "j");
  EXPECT_EQ(answer.json()["tokens_out"], lines.back()["tokens_out"]);
  EXPECT_FALSE(answer.json().contains("type"));
}

TEST_F(Execute, StopSequencesNeverLeak) {
  Json body = prompt("The moon");
  body["temperature"] = 0;
  body["max_tokens"] = 40;
  const std::string whole = text_of(events(body));
  ASSERT_GT(whole.size(), 8U) << whole;
  const std::string stop = whole.substr(whole.size() / 2, 4);
  body["stop"] = {stop, "never said"};
  const auto all = events(body);
  EXPECT_EQ(text_of(all), whole.substr(0, whole.find(stop)));
  EXPECT_EQ(all.back()["stop_reason"], "STOP_SEQUENCE");
  EXPECT_EQ(all.back()["stop_sequence_matched"], stop);
}

TEST_F(Execute, EveryFaultAtOnce) {
  const std::vector<std::string> expected = {"job_id required", "top_p range(0,1)", "top_k type(integer)",
                                             "colour unknown"};
  EXPECT_EQ(faults({{"prompt", "x"}, {"top_p", 7}, {"top_k", "1"}, {"colour", "red"}}), expected);
}

TEST_F(Execute, MalformedJson) {
  for (const char* body : {"", "{", "[1,2", "{\"job_id\":\"\xff\",\"prompt\":\"p\"}", "{}{}"}) {
    const Answer answer = daemon->post("/execute", body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(answer.json()["errors"][0]["field"], "body") << body;
  }
  EXPECT_EQ(daemon->post("/execute", std::string(1'000'000, '[')).status, 400);
}

TEST_F(Execute, WhatDoesNotFitNamesBothLengths) {
  const int context = daemon->health()["context_length"];
  std::string text;
  for (int i = 0; i < context + 5; ++i) {
    text += "moon ";
  }
  const Answer too_long = daemon->execute(prompt(text));
  EXPECT_EQ(too_long.status, 400);
  const Json error = too_long.json()["errors"][0];
  EXPECT_EQ(error["field"], "prompt");
  EXPECT_NE(error["message"].get<std::string>().find("of " + std::to_string(context)), std::string::npos) << error;
  if (context <= 2048) {
    Json body = prompt("moon");
    body["max_tokens"] = context;
    EXPECT_EQ(faults(body).size(), 1U);
  }
}

TEST_F(Execute, TheLimitEndsAnAnswer) {
  Json body = prompt("The moon");
  body["max_tokens"] = 1;
  const auto all = events(body);
  EXPECT_EQ(all.back()["tokens_out"], 1);
  EXPECT_EQ(all.back()["stop_reason"], "MAX_TOKENS");
}

TEST_F(Execute, ManyAtOnceGiveTheBytesOfOne) {
  Json body = prompt("The moon");
  body["seed"] = 42;
  const std::string alone = text_of(events(body));
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 32; ++i) {
    body["job_id"] = "many" + std::to_string(i);
    clients.push_back(std::make_unique<Client>(daemon->port()));
    clients.back()->send(post_bytes("/execute", body.dump()));
  }
  for (const auto& client : clients) {
    EXPECT_EQ(text_of(sse_events(parse_answer(client->read_all()).body)), alone);
  }
}

TEST_F(Execute, ClientsThatLeaveFreeWhatTheyHeld) {
  Daemon own(Daemon::haiku({"--max-sequences", "1", "--log-format", "json"}));
  own.wait_ready();
  {
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 40; ++i) {
      clients.push_back(std::make_unique<Client>(own.port()));
      clients.back()->send(post_bytes("/execute", R"({"prompt":"moon","job_id":"l)" + std::to_string(i) + "\"}"));
    }
    clients.front()->read_until("event: started");
  }
  EXPECT_TRUE(own.wait_health("requests_running", 0));
  EXPECT_TRUE(own.wait_health("requests_waiting", 0));
  EXPECT_EQ(own.execute({{"job_id", "after"}, {"prompt", "moon"}, {"max_tokens", 2}}).status, 200);
  own.signal(SIGTERM);
  EXPECT_EQ(own.wait_exit(), 0);
  EXPECT_NE(own.errors().find("CANCELLED"), std::string::npos);
}

}  // namespace
}  // namespace llorch::testing
