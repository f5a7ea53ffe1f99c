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
    api.ready({.name = "m", .backend = "test", .tokenizer_kind = "test", .vocab = 1, .context = 2000}, tokenizer,
              engine);
  }
  std::shared_ptr<Recorded> ask(const std::string& method, const std::string& path, const std::string& body = "") {
    const auto answer = std::make_shared<Recorded>();
    api.handle({.method = method, .path = path, .headers = {}, .body = body}, answer);
    return answer;
  }
  json health() { return json::parse(ask("GET", "/health")->body()); }

  Losing backend;
  testing::Endless tokenizer;
  EngineThread engine{
      std::make_unique<Engine>(backend, tokenizer, 1, 64, EngineOptions{.context = 2000, .max_sequences = 1})};
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

TEST_F(ApiTest, ShutdownCallsBack) {
  EXPECT_EQ(ask("POST", "/shutdown")->status(), 202);
  EXPECT_EQ(shutdowns, 1);
}

TEST_F(ApiTest, TraceIdsArePercentDecoded) {
  const auto answer = ask("POST", "/execute", R"({"job_id":"a b/c%","prompt":"x","max_tokens":1,"trace":true})");
  ASSERT_TRUE(soon([&] { return answer->ended(); }));
  EXPECT_EQ(ask("GET", "/debug/trace/a%20b%2fc%25")->status(), 200);
  EXPECT_EQ(ask("GET", "/debug/trace/a b/c%")->status(), 200) << "what is no code stays";
  EXPECT_EQ(ask("GET", "/debug/trace/a")->status(), 404);
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
