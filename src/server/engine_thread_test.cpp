// The engine's thread over a backend that takes its time: what is in flight, cancelled and drained.
#include "server/engine_thread.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <optional>

namespace llorch {
namespace {

using std::chrono::milliseconds;

/// One letter, no end.
class Endless : public Tokenizer {
 public:
  std::vector<std::int32_t> encode(std::string_view text, const EncodeOptions&) const override {
    return std::vector<std::int32_t>(text.size(), 0);
  }
  Result<std::string> decode(std::span<const std::int32_t> ids, bool) const override {
    return std::string(ids.size(), 'a');
  }
  std::string piece(std::int32_t) const override { return "a"; }
  std::string stream_piece(std::int32_t, bool, bool) const override { return "a"; }
  int vocab_size() const override { return 1; }
  std::string_view kind() const override { return "test"; }
  std::optional<std::int32_t> bos_id() const override { return {}; }
  bool is_special(std::int32_t) const override { return false; }
  std::span<const std::int32_t> end_ids() const override { return {}; }
  std::optional<std::int32_t> find(std::string_view) const override { return {}; }
};

class Slow : public Backend {
 public:
  std::string_view name() const override { return "test"; }
  bool deterministic() const override { return true; }
  Status verify() override { return {}; }
  Memory memory() const override { return {}; }
  Status load(const Plan&, const WeightSource&, const KvShape&) override { return {}; }
  Status run(const Batch&, std::span<const SampleSpec>, const Outputs& outputs, StepObserver*) override {
    std::this_thread::sleep_for(milliseconds(2));
    std::fill(outputs.sampled.begin(), outputs.sampled.end(), 0);
    return {};
  }
};

class Collect : public Sink {
 public:
  void on_text(const std::string&, int) override { ++texts; }
  void on_end(const EndEvent&) override { ++ends; }
  void on_error(const Error& error) override {
    code = error.code;
    ++errors;
  }
  std::atomic<int> texts{0}, ends{0}, errors{0};
  std::atomic<ErrorCode> code{ErrorCode::internal};
};

class EngineThreadTest : public ::testing::Test {
 protected:
  EngineThread::Refused add(const std::string& id, int max_tokens, std::vector<std::int32_t> prompt = {0}) {
    const auto added = [this](const Status& status) { (status.ok() ? accepted : refused)++; };
    return thread.add({.id = id, .prompt = std::move(prompt), .max_tokens = max_tokens}, sink, added, ticket);
  }
  template <class Condition>
  static bool soon(Condition condition) {
    for (int i = 0; i < 5000 && !condition(); ++i) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    return condition();
  }

  Slow backend;
  Endless tokenizer;
  std::shared_ptr<Collect> sink = std::make_shared<Collect>();
  std::atomic<int> accepted{0}, refused{0};
  EngineThread::Ticket ticket = 0;
  EngineThread thread{
      std::make_unique<Engine>(backend, tokenizer, 1, 64, EngineOptions{.context = 2000, .max_sequences = 1})};
};

TEST_F(EngineThreadTest, RunsToTheEnd) {
  EXPECT_EQ(add("a", 3), EngineThread::Refused::no);
  ASSERT_TRUE(soon([&] { return sink->ends == 1; }));
  EXPECT_EQ(sink->texts, 3);
  EXPECT_EQ(accepted, 1);
  EXPECT_TRUE(soon([&] { return thread.stats().running == 0; }));
}

TEST_F(EngineThreadTest, JobIdInFlightIsRefusedUntilItsEnd) {
  EXPECT_EQ(add("a", 1000), EngineThread::Refused::no);
  const EngineThread::Ticket first = ticket;
  EXPECT_EQ(add("a", 1), EngineThread::Refused::in_flight);
  thread.cancel(first, {ErrorCode::cancelled, "test"});
  ASSERT_TRUE(soon([&] { return sink->errors == 1; }));
  EXPECT_EQ(sink->code, ErrorCode::cancelled);
  EXPECT_EQ(add("a", 1), EngineThread::Refused::no);
  thread.cancel(first, {ErrorCode::cancelled, "an old ticket ends nothing new"});
  EXPECT_TRUE(soon([&] { return sink->ends == 1; }));
}

TEST_F(EngineThreadTest, WhatTheEngineRefusesIsTold) {
  EXPECT_EQ(add("a", 1, {7}), EngineThread::Refused::no);
  EXPECT_TRUE(soon([&] { return refused == 1; }));
  EXPECT_EQ(add("a", 1), EngineThread::Refused::no) << "its job id is free again";
  EXPECT_TRUE(soon([&] { return sink->ends == 1; }));
}

TEST_F(EngineThreadTest, CountsRunningAndWaiting) {
  add("a", 1000);
  add("b", 1000);
  add("c", 1000);
  EXPECT_TRUE(soon([&] { return thread.stats().running == 1 && thread.stats().waiting == 2; }));
}

TEST_F(EngineThreadTest, DrainWaits) {
  add("a", 20);
  thread.drain(std::chrono::seconds(60));
  EXPECT_TRUE(soon([&] { return sink->ends == 1; }));
  EXPECT_EQ(add("b", 1), EngineThread::Refused::draining);
}

TEST_F(EngineThreadTest, DrainCancelsWhatIsLate) {
  add("a", 1000);
  add("b", 1000);
  thread.drain(milliseconds(20));
  EXPECT_TRUE(soon([&] { return sink->errors == 2; }));
  EXPECT_EQ(sink->ends, 0);
}

}  // namespace
}  // namespace llorch
