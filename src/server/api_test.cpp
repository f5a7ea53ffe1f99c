// Routes without sockets: what /health says when something is wrong, and that nothing waits for the engine.
#include "server/api.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/testing.h"

namespace llorch {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::Recorded;
using testing::soon;

/// A backend whose weights may be lost.
class Losing : public testing::Slow {
 public:
  Status check_resident() const override {
    ++checks;
    return lost ? Status(Error{ErrorCode::device, "lost"}) : Status();
  }
  std::atomic<bool> lost{false};
  mutable std::atomic<int> checks{0};
};

class ApiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    api.ready({.name = "m", .backend = "test", .tokenizer_kind = "test", .vocab = 1, .context = 2000}, tokenizer, chat,
              engine);
  }
  std::shared_ptr<Recorded> ask(const std::string& method, const std::string& path, const std::string& body = "") {
    const auto answer = std::make_shared<Recorded>();
    HttpRequest request = {.method = method, .path = path, .headers = {}, .body = body};
    if (api.admit(request, *answer)) {
      api.handle(std::move(request), answer);
    }
    return answer;
  }
  json health() { return json::parse(ask("GET", "/health")->body()); }

  Losing backend;
  ChatTemplates chat;
  testing::Endless tokenizer;
  EngineThread engine{std::make_unique<Engine>(backend, tokenizer, 1, KvLayout{.n_blocks = {64}},
                                               EngineOptions{.context = 2000, .max_sequences = 1})};
  Log log{LogFormat::json, LogLevel::error};
  std::atomic<int> shutdowns{0};
  Api api{{.worker_id = "w", .heartbeat_timeout = milliseconds(20)}, log, [this] { ++shutdowns; }};
};

using Health = ApiTest;

TEST_F(Health, AnswersWhileAStepDoesNotEnd) {
  backend.stuck = true;
  ask("POST", "/execute", R"({"job_id":"a","prompt":"x"})");
  ASSERT_TRUE(soon([&] { return backend.steps == 1; }));
  EXPECT_TRUE(ask("GET", "/health")->ended());
  EXPECT_TRUE(ask("GET", "/metrics")->ended());
  backend.stuck = false;
}

TEST_F(Health, AStepThatDoesNotEndIsUnhealthy) {
  EXPECT_EQ(health()["status"], "healthy");
  backend.stuck = true;
  ask("POST", "/execute", R"({"job_id":"a","prompt":"x"})");
  ASSERT_TRUE(soon([&] { return health()["status"] == "unhealthy"; }));
  EXPECT_EQ(ask("GET", "/health")->status(), 503);
  EXPECT_FALSE(health()["reason"].get<std::string>().empty());
  backend.stuck = false;
  EXPECT_TRUE(soon([&] { return health()["status"] == "healthy"; }));
}

TEST_F(Health, NotResidentIsUnhealthy) {
  api.set_resident(false);
  EXPECT_EQ(health()["status"], "unhealthy");
  EXPECT_EQ(health()["resident"], false);
  EXPECT_EQ(ask("GET", "/health")->status(), 503);
  api.set_resident(true);
  EXPECT_EQ(health()["status"], "healthy");
}

TEST_F(Health, ResidencyIsCheckedAgain) {
  api.watch_residency(backend, milliseconds(1));
  EXPECT_TRUE(soon([&] { return backend.checks > 2; }));
  EXPECT_EQ(health()["status"], "healthy");
  backend.lost = true;
  EXPECT_TRUE(soon([&] { return health()["status"] == "unhealthy"; }));
  backend.lost = false;
  EXPECT_TRUE(soon([&] { return health()["status"] == "healthy"; }));
}

TEST_F(Health, CountsARequestWhoseFirstStepIsUnderWay) {
  backend.stuck = true;
  ask("POST", "/execute", R"({"job_id":"a","prompt":"x"})");
  ASSERT_TRUE(soon([&] { return backend.steps == 1; }));
  EXPECT_EQ(health()["requests_running"], 1);
  const std::string metrics = ask("GET", "/metrics")->body();
  EXPECT_NE(metrics.find("worker_kv_blocks{state=\"used\"} "), std::string::npos);
  EXPECT_EQ(metrics.find("worker_kv_blocks{state=\"used\"} 0"), std::string::npos);
  backend.stuck = false;
}

/// A tokenizer that takes for ever with long texts.
class Waiting : public testing::Endless {
 public:
  std::vector<std::int32_t> encode(std::string_view text, const EncodeOptions& options) const override {
    while (text.size() > 100'000 && waits) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    return Endless::encode(text, options);
  }
  std::atomic<bool> waits{true};
};

TEST_F(ApiTest, APromptThatTakesLongHoldsUpNobody) {
  Waiting slow;
  Api other({.worker_id = "w"}, log, [] {});
  other.ready({.name = "m", .vocab = 1, .context = 2000}, slow, chat, engine);
  const auto post = [&](const std::string& path, const std::string& body) {
    const auto answer = std::make_shared<Recorded>();
    other.handle({.method = "POST", .path = path, .headers = {}, .body = body}, answer);
    return answer;
  };
  const std::string long_prompt(200'000, 'x');
  const auto stuck = post("/execute", R"({"job_id":"a","prompt":")" + long_prompt + "\"}");
  const auto behind = post("/execute", R"({"job_id":"b","stream":false,"prompt":")" + long_prompt + "\"}");
  const auto small = post("/execute", R"({"job_id":"c","prompt":"x","max_tokens":1})");
  EXPECT_TRUE(soon([&] { return small->count("event: end") == 1; })) << "short prompts have their own way";
  post("/cancel", R"({"job_id":"a"})");
  post("/cancel", R"({"job_id":"b"})");
  EXPECT_TRUE(soon([&] { return stuck->count("\"code\":\"CANCELLED\"") == 1 && behind->status() == 503; }))
      << "while the prompt is still being read";
  slow.waits = false;
}

TEST_F(ApiTest, ACancelRightBehindALongBodyEndsItsJob) {
  const std::string blanks(2 * kLongBodyBytes, ' ');
  for (int i = 0; i < 20; ++i) {
    const auto answer = ask("POST", "/execute", R"({"job_id":"a","prompt":"x")" + blanks + "}");
    const auto cancel = ask("POST", "/cancel", R"({"job_id":"a"})");
    ASSERT_TRUE(soon([&] { return cancel->ended() && answer->ended(); }));
    EXPECT_EQ(answer->count("CANCELLED"), 1) << answer->body();
    EXPECT_EQ(cancel->status(), 202);
  }
}

TEST_F(ApiTest, RefusalsAreCountedByTheirCode) {
  ask("GET", "/execute");
  const auto fault = ask("POST", "/execute", "{}");
  ASSERT_TRUE(soon([&] { return fault->ended(); }));
  ask("GET", "/nowhere");  // no /execute
  const std::string metrics = ask("GET", "/metrics")->body();
  EXPECT_NE(metrics.find("worker_requests_refused_total{code=\"METHOD_NOT_ALLOWED\"} 1"), std::string::npos);
  EXPECT_NE(metrics.find("worker_requests_refused_total{code=\"INVALID_REQUEST\"} 1"), std::string::npos);
  EXPECT_EQ(metrics.find("NOT_FOUND"), std::string::npos);
}

TEST_F(ApiTest, ShutdownCallsBack) {
  EXPECT_EQ(ask("POST", "/shutdown")->status(), 202);
  EXPECT_EQ(shutdowns, 1);
}

TEST_F(ApiTest, TraceIdsArePercentDecoded) {
  const auto answer = ask("POST", "/execute", R"({"job_id":"a b/c%","prompt":"x","max_tokens":1,"trace":true})");
  ASSERT_TRUE(soon([&] { return answer->ended(); }));
  for (const auto& [path, status] : {std::pair{"a%20b%2fc%25", 200}, std::pair{"a b/c%", 200}, std::pair{"a", 404}}) {
    const auto trace = ask("GET", std::string("/debug/trace/") + path);
    ASSERT_TRUE(soon([&] { return trace->ended(); }));
    EXPECT_EQ(trace->status(), status) << path;
  }
}

TEST_F(ApiTest, CancelsThatNameNothingAreRefused) {
  for (const char* body : {"", "[]", "{\"job_id\":1}", "{\"job_id\":\"a\",\"more\":1}"}) {
    const auto answer = ask("POST", "/cancel", body);
    ASSERT_TRUE(soon([&] { return answer->ended(); })) << body;
    EXPECT_EQ(answer->status(), 400) << body;
  }
  const auto long_body = ask("POST", "/cancel", std::string(5000, ' '));
  ASSERT_TRUE(soon([&] { return long_body->ended(); }));
  EXPECT_EQ(long_body->status(), 400);
}

}  // namespace
}  // namespace llorch
