// The engine's thread over a backend that takes its time: what is in flight, cancelled and stopped.
#include "server/engine_thread.h"

#include <gtest/gtest.h>

#include "server/testing.h"

namespace llorch {
namespace {

using std::chrono::milliseconds;
using testing::soon;

class Collect : public Sink {
 public:
  void on_step(const StepReport& step) override { step_tokens += step.tokens; }
  void on_text(const std::string&, int) override { ++texts; }
  void on_end(const EndEvent&) override { ++ends; }
  void on_error(const Error& error) override {
    code = error.code;
    ++errors;
  }
  std::atomic<int> texts{0}, ends{0}, errors{0}, step_tokens{0};
  std::atomic<ErrorCode> code{ErrorCode::internal};
};

class EngineThreadTest : public ::testing::Test {
 protected:
  EngineThread::Ticket add(int max_tokens, std::vector<std::int32_t> prompt = {0}) {
    return thread.add({.id = "", .prompt = std::move(prompt), .sampling = {}, .max_tokens = max_tokens}, sink);
  }

  testing::Slow backend;
  testing::Endless tokenizer;
  std::shared_ptr<Collect> sink = std::make_shared<Collect>();
  EngineThread thread{std::make_unique<Engine>(backend, tokenizer, 1, KvLayout{.n_blocks = {64}},
                                               EngineOptions{.context = 2000, .max_sequences = 1})};
};

TEST_F(EngineThreadTest, RunsToTheEnd) {
  add(3, {0, 0});
  ASSERT_TRUE(soon([&] { return sink->ends == 1; }));
  EXPECT_EQ(sink->texts, 3);
  EXPECT_EQ(sink->step_tokens, 4) << "the prompt's two, and all that were drawn but the last";
  EXPECT_TRUE(soon([&] { return thread.stats().running == 0; }));
}

TEST_F(EngineThreadTest, ATicketEndsItsOwnRequest) {
  const EngineThread::Ticket first = add(1000);
  thread.cancel(first, {ErrorCode::cancelled, "test"});
  ASSERT_TRUE(soon([&] { return sink->errors == 1; }));
  EXPECT_EQ(sink->code, ErrorCode::cancelled);
  add(1);
  thread.cancel(first, {ErrorCode::cancelled, "an old ticket ends nothing new"});
  EXPECT_TRUE(soon([&] { return sink->ends == 1; }));
  EXPECT_EQ(sink->errors, 1);
}

TEST_F(EngineThreadTest, WhatTheEngineRefusesIsTold) {
  add(1, {7});
  ASSERT_TRUE(soon([&] { return sink->errors == 1; }));
  EXPECT_EQ(sink->code, ErrorCode::invalid_argument);
  add(1);
  EXPECT_TRUE(soon([&] { return sink->ends == 1; }));
}

TEST_F(EngineThreadTest, CountsRunningAndWaiting) {
  add(1000);
  add(1000);
  add(1000);
  EXPECT_TRUE(soon([&] { return thread.stats().running == 1 && thread.stats().waiting == 2; }));
}

TEST_F(EngineThreadTest, AStepThatDoesNotEndHasAnAge) {
  EXPECT_EQ(thread.step_age(), milliseconds(0));
  backend.stuck = true;
  add(1);
  EXPECT_TRUE(soon([&] { return thread.step_age() > milliseconds(20); }));
  EXPECT_FALSE(thread.stop(milliseconds(5)));
  backend.stuck = false;
  EXPECT_TRUE(thread.stop(std::chrono::seconds(60)));
}

}  // namespace
}  // namespace llorch
