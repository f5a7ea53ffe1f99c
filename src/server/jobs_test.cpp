// Jobs from every side at once: one end for each, whoever asks for it; ids, places and time.
#include "server/jobs.h"

#include <gtest/gtest.h>

#include "server/testing.h"

namespace llorch {
namespace {

using std::chrono::milliseconds;
using testing::Recorded;
using testing::soon;

class JobsTest : public ::testing::Test {
 protected:
  Log log{LogFormat::json, LogLevel::error};
  Metrics metrics;
  Timers timers;
  Jobs jobs{{.in_flight = 3, .timeout = std::chrono::hours(1)}, timers, metrics, log};
  testing::Slow backend;
  testing::Endless tokenizer;
  EngineThread engine{std::make_unique<Engine>(backend, tokenizer, 1, KvLayout{.n_blocks = {64}},
                                               EngineOptions{.context = 2000, .max_sequences = 1})};

  struct Started {
    std::shared_ptr<Recorded> answer = std::make_shared<Recorded>();
    std::shared_ptr<Job> job;
  };
  /// A job in the engine.
  Started start(Jobs& all, const std::string& id, int max_tokens, AnswerFormat format = AnswerFormat::ndjson) {
    Started started;
    started.job = all.open(id, {.format = format}, started.answer).job;
    run(*started.job, started.job, max_tokens);
    return started;
  }
  void run(Job& job, const std::shared_ptr<Job>& shared, int max_tokens) {
    if (job.begin({.model = "m", .prompt_tokens = 1})) {
      job.attach(engine, engine.add({.id = "", .prompt = {0}, .sampling = {}, .max_tokens = max_tokens}, shared));
    }
  }
};

TEST_F(JobsTest, ARunFromStartedToEnd) {
  const Started s = start(jobs, "a", 3);
  ASSERT_TRUE(soon([&] { return s.answer->ended(); }));
  EXPECT_EQ(s.answer->body().find(R"({"type":"started")"), 0U);
  EXPECT_EQ(s.answer->count(R"("type":"token")"), 3);
  EXPECT_EQ(s.answer->count(R"("type":"end")"), 1);
}

TEST_F(JobsTest, AnIdIsTakenUntilItsEnd) {
  const Started first = start(jobs, "a", 1000);
  EXPECT_EQ(jobs.open("a", {}, std::make_shared<Recorded>()).refused, Jobs::Refused::taken);
  EXPECT_TRUE(jobs.cancel("a"));
  EXPECT_EQ(first.answer->count(R"("type":"error","code":"CANCELLED")"), 1);
  const Started second = start(jobs, "a", 1);
  EXPECT_TRUE(soon([&] { return second.answer->count(R"("type":"end")") == 1; }));
  EXPECT_FALSE(jobs.cancel("a"));
  EXPECT_EQ(first.answer->count(R"("type":"error")"), 1) << "the end comes once";
}

TEST_F(JobsTest, ACancelNeedsNoStepToEnd) {
  backend.stuck = true;
  const Started s = start(jobs, "a", 1000);
  ASSERT_TRUE(soon([&] { return backend.steps == 1; }));
  EXPECT_TRUE(jobs.cancel("a"));
  EXPECT_TRUE(s.answer->ended()) << "while the step is under way";
  backend.stuck = false;
  EXPECT_TRUE(soon([&] { return engine.stats().running == 0 && engine.stats().kv_blocks_used == 0; }));
}

TEST_F(JobsTest, ACancelBeforeTheEngineEndsAfterStarted) {
  Started s;
  s.job = jobs.open("a", {.format = AnswerFormat::ndjson}, s.answer).job;
  EXPECT_TRUE(jobs.cancel("a"));
  EXPECT_FALSE(s.answer->ended());
  run(*s.job, s.job, 5);
  EXPECT_TRUE(s.answer->ended());
  EXPECT_EQ(s.answer->body().find(R"({"type":"started")"), 0U);
  EXPECT_EQ(s.answer->count(R"("code":"CANCELLED")"), 1);
  EXPECT_EQ(engine.stats().steps, 0U);
}

TEST_F(JobsTest, ACancelBeforeAFaultIsFoundWins) {
  const auto answer = std::make_shared<Recorded>();
  const auto job = jobs.open("a", {.format = AnswerFormat::single}, answer).job;
  EXPECT_TRUE(jobs.cancel("a"));
  job->refuse({{"prompt", "max_tokens(1)", "is too long", ""}});
  EXPECT_EQ(answer->status(), 503);
  EXPECT_EQ(answer->count("CANCELLED"), 1);
}

TEST_F(JobsTest, PlacesAreCounted) {
  const Started a = start(jobs, "a", 1000);
  const Started b = start(jobs, "b", 1000);
  const Started c = start(jobs, "c", 1000);
  EXPECT_TRUE(jobs.full());
  EXPECT_EQ(jobs.open("d", {}, std::make_shared<Recorded>()).refused, Jobs::Refused::full);
  jobs.cancel("b");
  EXPECT_FALSE(jobs.full());
}

TEST_F(JobsTest, TimeIsOver) {
  Jobs hasty({.in_flight = 3, .timeout = milliseconds(30)}, timers, metrics, log);
  const Started stream = start(hasty, "a", 1'000'000);
  const Started single = start(hasty, "b", 1'000'000, AnswerFormat::single);
  ASSERT_TRUE(soon([&] { return stream.answer->ended() && single.answer->ended(); }));
  EXPECT_EQ(stream.answer->count("INFERENCE_TIMEOUT"), 1);
  EXPECT_EQ(single.answer->status(), 504);
}

TEST_F(JobsTest, AClientThatLeavesEndsItsJob) {
  const Started s = start(jobs, "a", 1000);
  s.answer->leave();
  EXPECT_TRUE(s.answer->ended());
  EXPECT_TRUE(soon([&] { return engine.stats().running == 0; }));
  EXPECT_NE(metrics.text({}).find("worker_requests_total{outcome=\"cancelled\"} 1"), std::string::npos);
}

TEST_F(JobsTest, DrainWaitsThenAborts) {
  const Started quick = start(jobs, "a", 3);
  jobs.drain(std::chrono::seconds(60));
  EXPECT_EQ(quick.answer->count(R"("type":"end")"), 1);
  EXPECT_EQ(jobs.open("b", {}, std::make_shared<Recorded>()).refused, Jobs::Refused::draining);
  Jobs others({.in_flight = 3}, timers, metrics, log);
  const Started late = start(others, "c", 1'000'000);
  others.drain(milliseconds(20));
  EXPECT_TRUE(late.answer->ended());
  EXPECT_EQ(late.answer->count("CANCELLED"), 1);
  EXPECT_EQ(late.answer->count(R"("retriable":true)"), 1) << "another worker can do it";
}

TEST_F(JobsTest, AJobThatIsDroppedIsNotCountedForEver) {
  jobs.open("a", {}, std::make_shared<Recorded>()).job.reset();
  EXPECT_EQ(jobs.open("a", {}, std::make_shared<Recorded>()).refused, Jobs::Refused::no);
}

TEST_F(JobsTest, TracesHoldPhasesAndSteps) {
  Started s;
  s.job = jobs.open("job 1", {.format = AnswerFormat::single, .trace = true}, s.answer).job;
  run(*s.job, s.job, 3);
  ASSERT_TRUE(soon([&] { return s.answer->ended(); }));
  const std::string trace = s.job->trace()->json();
  for (const char* part : {"job 1", "queue", "prefill", "decode", "1 of the 1 tokens of 1 sequences"}) {
    EXPECT_NE(trace.find(part), std::string::npos) << part;
  }
}

}  // namespace
}  // namespace llorch
