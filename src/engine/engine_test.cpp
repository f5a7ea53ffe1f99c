// The engine against a backend of a few lines: what it schedules, emits, releases. Real models run in tests/golden.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace llorch {
namespace {

/// Tokens 0..25 are letters, 26 ends, 27 is the first half of "é" and 28 the second.
class Letters : public Tokenizer {
 public:
  std::vector<std::int32_t> encode(std::string_view text, const EncodeOptions&) const override {
    return {text.begin(), text.end()};
  }
  std::vector<std::int32_t> encode_segments(std::span<const TextSegment> segments,
                                            const EncodeOptions& options) const override {
    std::vector<std::int32_t> ids;
    for (const TextSegment& segment : segments) {
      const auto more = encode(segment.text, options);
      ids.insert(ids.end(), more.begin(), more.end());
    }
    return ids;
  }
  Result<std::string> decode(std::span<const std::int32_t> ids, bool) const override {
    std::string text;
    for (const std::int32_t id : ids) {
      text += piece(id);
    }
    return text;
  }
  std::string piece(std::int32_t id) const override {
    return id < 26 ? std::string(1, static_cast<char>('a' + id)) : id == 27 ? "\xC3" : id == 28 ? "\xA9" : "";
  }
  std::string stream_piece(std::int32_t id, bool, bool) const override { return piece(id); }
  int vocab_size() const override { return 32; }
  std::string_view kind() const override { return "test"; }
  std::optional<std::int32_t> bos_id() const override { return {}; }
  bool is_special(std::int32_t id) const override { return id == 26; }
  bool is_control(std::int32_t id) const override { return is_special(id); }
  std::span<const std::int32_t> end_ids() const override { return ends_; }
  std::optional<std::int32_t> find(std::string_view) const override { return {}; }

 private:
  std::vector<std::int32_t> ends_ = {26};
};

/// "Draws" the successor of the last token; checks the batch as a real backend would depend on it.
class Successor : public Backend {
 public:
  std::string_view name() const override { return "test"; }
  bool deterministic() const override { return true; }
  Status verify() override { return {}; }
  Memory memory() const override { return {}; }
  Status check_resident() const override { return {}; }
  Status load(const Plan&, const WeightSource&, const KvShape&) override { return {}; }
  Status run(const Batch& batch, std::span<const SampleSpec> samples, const Outputs& outputs, StepObserver*) override {
    batch_tokens.push_back(batch.n_tokens());
    EXPECT_EQ(samples.size(), batch.output_rows.size());
    for (int s = 0; s < batch.n_seqs(); ++s) {
      store(batch, s);
    }
    for (std::size_t o = 0; o < batch.output_rows.size(); ++o) {
      const std::int32_t last = batch.tokens[static_cast<std::size_t>(batch.output_rows[o])];
      outputs.sampled[o] = last == nan_after ? kNotSampled : last + 1;
    }
    return failure ? Status(Error{ErrorCode::device, "broken"}) : Status();
  }

  std::vector<int> batch_tokens;
  std::int32_t nan_after = -1;
  bool failure = false;
  std::vector<int> windows = {0, 0, 0};  // [n_kv_groups]

 private:
  /// Writes tokens through kv_slots and reads what the sequence sees back through the block table, in every group.
  void store(const Batch& batch, int s) {
    for (std::size_t g = 0; g < batch.kv.size(); ++g) {
      const KvGroup& kv = batch.kv[g];
      for (int t = batch.seq_starts[s]; t < batch.seq_starts[s + 1]; ++t) {
        cache_[g][kv.kv_slots[t]] = batch.positions[t];
      }
      const int first = windows[g] > 0 ? std::max(0, batch.positions[batch.seq_starts[s]] - windows[g] + 1) : 0;
      for (int p = first; p < batch.kv_lens[s]; ++p) {
        const std::int32_t block = kv.block_table[s * kv.max_blocks + p / kKvBlock];
        EXPECT_EQ(cache_[g][block * kKvBlock + p % kKvBlock], p) << "group " << g << ": another token was written here";
      }
    }
  }
  std::map<std::size_t, std::map<std::int32_t, std::int32_t>> cache_;  // by group
};

class Collect : public Sink {
 public:
  void on_text(const std::string& piece, int index) override {
    text += piece;
    indices.push_back(index);
  }
  void on_end(const EndEvent& e) override { end = e; }
  void on_error(const Error& e) override { error = e; }
  std::string text;
  std::vector<int> indices;
  std::optional<EndEvent> end;
  std::optional<Error> error;
};

class EngineTest : public ::testing::Test {
 protected:
  Engine make(int max_sequences = 4, int kv_blocks = 64) {
    return {backend,
            tokenizer,
            32,
            {.windows = {0}, .n_blocks = {kv_blocks}, .chunk = 8},
            {.context = 64, .max_sequences = max_sequences}};
  }
  static Request request(std::string id, std::vector<std::int32_t> prompt, int max_tokens = 0) {
    return {.id = std::move(id), .prompt = std::move(prompt), .max_tokens = max_tokens};
  }
  static void finish(Engine& engine) {
    for (int i = 0; engine.step(); ++i) {
      ASSERT_LT(i, 10000) << "the engine never came to rest";
    }
  }
  Letters tokenizer;
  Successor backend;
  std::shared_ptr<Collect> sink = std::make_shared<Collect>();
};

TEST_F(EngineTest, StreamsUntilTheEndToken) {
  Engine engine = make();
  ASSERT_TRUE(engine.add(request("a", {22}), sink).ok());
  finish(engine);
  EXPECT_EQ(sink->text, "xyz");
  ASSERT_TRUE(sink->end);
  EXPECT_EQ(sink->end->reason, StopReason::eos);
  EXPECT_EQ(sink->end->tokens_out, 3);
  EXPECT_EQ(engine.stats().kv_blocks_used, 0);
}

TEST_F(EngineTest, WindowedGroupsHoldTheirWindow) {
  const KvLayout kv{.windows = {0, 40, 8}, .n_blocks = {600, 8, 6}, .chunk = 16};
  backend.windows = kv.windows;
  Engine engine(backend, tokenizer, 32, kv, {.context = 8192, .max_sequences = 4});
  for (const char* id : {"a", "b"}) {
    Request long_one = request(id, std::vector<std::int32_t>(8000, 1), 100);
    long_one.ignore_eos = true;
    ASSERT_TRUE(engine.add(std::move(long_one), std::make_shared<Collect>()).ok());
  }
  engine.step();
  // 8,099 tokens are 254 blocks; 40 - 1 + 16 and 8 - 1 + 16 in a row touch 3 and 2 at most.
  EXPECT_EQ(engine.stats().kv_blocks_used, 2 * (254 + 3 + 2));
  finish(engine);
  EXPECT_EQ(engine.stats().kv_blocks_used, 0);
}

TEST_F(EngineTest, StopsAtMaxTokensStopTextAndContext) {
  Engine engine = make();
  ASSERT_TRUE(engine.add(request("max", {0}, 3), sink).ok());
  finish(engine);
  EXPECT_EQ(sink->text, "bcd");
  EXPECT_EQ(sink->end->reason, StopReason::max_tokens);

  auto stopped = std::make_shared<Collect>();
  Request with_stop = request("stop", {0});
  with_stop.stop = {"de"};
  ASSERT_TRUE(engine.add(std::move(with_stop), stopped).ok());
  finish(engine);
  EXPECT_EQ(stopped->text, "bc");
  EXPECT_EQ(stopped->end->reason, StopReason::stop_sequence);
  EXPECT_EQ(stopped->end->stop_sequence, "de");

  auto full = std::make_shared<Collect>();
  ASSERT_TRUE(engine.add(request("full", std::vector<std::int32_t>(61, 0)), full).ok());
  finish(engine);
  EXPECT_EQ(full->text, "bcd");
  EXPECT_EQ(full->end->reason, StopReason::context);
}

TEST_F(EngineTest, HalfACharacterWaitsAndIgnoreEosGoesOn) {
  Engine engine = make();
  Request r = request("a", {24}, 4);  // z, the end token, then two halves of one character
  r.ignore_eos = true;
  ASSERT_TRUE(engine.add(std::move(r), sink).ok());
  finish(engine);
  EXPECT_EQ(sink->text, "z\xC3\xA9");
  EXPECT_EQ(sink->indices, (std::vector<int>{0, 3}));
}

TEST_F(EngineTest, LongPromptsRunInChunksBesideDecoding) {
  Engine engine = make();
  ASSERT_TRUE(engine.add(request("short", {0}, 5), sink).ok());
  auto longer = std::make_shared<Collect>();
  ASSERT_TRUE(engine.add(request("long", std::vector<std::int32_t>(20, 3), 2), longer).ok());
  finish(engine);
  EXPECT_EQ(sink->text, "bcdef");
  EXPECT_EQ(longer->text, "ef");
  EXPECT_LE(*std::max_element(backend.batch_tokens.begin(), backend.batch_tokens.end()), 8);
}

TEST_F(EngineTest, WaitsForASlotAndForMemoryInOrder) {
  Engine engine = make(1);
  std::vector<std::shared_ptr<Collect>> sinks;
  for (int i = 0; i < 3; ++i) {
    sinks.push_back(std::make_shared<Collect>());
    ASSERT_TRUE(engine.add(request(std::to_string(i), {i}, 2), sinks.back()).ok());
  }
  engine.step();
  EXPECT_EQ(engine.stats().running, 1);
  EXPECT_EQ(engine.stats().waiting, 2);
  finish(engine);
  EXPECT_EQ(sinks[2]->text, "de");

  Engine small = make(4, 2);  // two blocks: one sequence of the full context at a time
  auto first = std::make_shared<Collect>();
  auto second = std::make_shared<Collect>();
  ASSERT_TRUE(small.add(request("a", {20}), first).ok());
  ASSERT_TRUE(small.add(request("b", {20}), second).ok());
  small.step();
  EXPECT_EQ(small.stats().waiting, 1);
  finish(small);
  EXPECT_EQ(first->text, second->text);
}

TEST_F(EngineTest, RefusesWhatCannotRun) {
  Engine engine = make();
  EXPECT_NE(engine.add(request("a", {}), sink).error().message.find("no token"), std::string::npos);
  EXPECT_NE(engine.add(request("a", {32}), sink).error().message.find("outside the vocabulary of 32"),
            std::string::npos);
  const Status long_prompt = engine.add(request("a", std::vector<std::int32_t>(64, 0)), sink);
  EXPECT_NE(long_prompt.error().message.find("64 tokens"), std::string::npos);
  ASSERT_TRUE(engine.add(request("a", {0}), sink).ok());
  EXPECT_NE(engine.add(request("a", {0}), sink).error().message.find("in flight"), std::string::npos);
}

TEST_F(EngineTest, CancelFreesEverythingWhereverTheRequestIs) {
  Engine engine = make(1);
  auto waiting = std::make_shared<Collect>();
  ASSERT_TRUE(engine.add(request("run", {0}), sink).ok());
  ASSERT_TRUE(engine.add(request("wait", {0}), waiting).ok());
  engine.step();
  EXPECT_TRUE(engine.cancel("wait"));
  EXPECT_TRUE(engine.cancel("run"));
  EXPECT_FALSE(engine.cancel("run"));
  EXPECT_EQ(sink->error->code, ErrorCode::cancelled);
  EXPECT_EQ(waiting->error->code, ErrorCode::cancelled);
  EXPECT_FALSE(engine.step());
  EXPECT_EQ(engine.stats().kv_blocks_used, 0);
}

TEST_F(EngineTest, NotANumberFailsThatRequestAlone) {
  backend.nan_after = 5;
  Engine engine = make();
  auto other = std::make_shared<Collect>();
  ASSERT_TRUE(engine.add(request("bad", {3}), sink).ok());
  ASSERT_TRUE(engine.add(request("good", {20}), other).ok());
  finish(engine);
  ASSERT_TRUE(sink->error);
  EXPECT_EQ(sink->error->code, ErrorCode::internal);
  EXPECT_EQ(other->text, "vwxyz");
}

TEST_F(EngineTest, AFailedRunEndsItsRequestsAndTheEngineGoesOn) {
  Engine engine = make();
  backend.failure = true;
  ASSERT_TRUE(engine.add(request("a", {3}), sink).ok());
  finish(engine);
  EXPECT_EQ(sink->error->message, "broken");
  backend.failure = false;
  auto next = std::make_shared<Collect>();
  ASSERT_TRUE(engine.add(request("a", {24}), next).ok());
  finish(engine);
  EXPECT_EQ(next->text, "z");
}

}  // namespace
}  // namespace llorch
