// The promise, on every host table: a sequence's logits are the same bits however it was cut, mixed, paged and
// threaded.
#include "backend/cpu/host_backend.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/cpu/tables.h"
#include "backend/memory_needs.h"
#include "backend/testing/tiny_model.h"
#include "base/trace.h"

namespace llorch::cpu {
namespace {

using testing::run_logits;
using testing::TinyBatch;
using testing::TinyBlocks;
using testing::TinyModel;
using testing::TinySequence;

constexpr int kPrompt = 101;

std::unique_ptr<Backend> loaded(const OpTable& table, const TinyModel& model, BackendOptions options = {}) {
  auto backend = std::make_unique<HostBackend>(table, table.name, options);
  const Status status = backend->load(model.plan(), model, testing::tiny_kv(model.plan()));
  EXPECT_TRUE(status.ok()) << status.error().message;
  return backend;
}

/// Logits of all tokens, [n, vocab], run in pieces of `chunk`, while `other` (may be nullptr) runs in the same batches.
std::vector<float> run_in_chunks(Backend& backend, const TinyModel& model, TinySequence sequence, int chunk,
                                 TinySequence* other) {
  std::vector<float> all;
  const auto n_tokens = static_cast<int>(sequence.tokens.size());
  while (sequence.n_stored < n_tokens) {
    TinyBatch batch(model.plan().n_kv_groups);
    int before = 0;
    if (other != nullptr && other->n_stored < static_cast<int>(other->tokens.size())) {
      before = std::min(3, static_cast<int>(other->tokens.size()) - other->n_stored);
      batch.add(*other, before);
    }
    const int n = std::min(chunk, n_tokens - sequence.n_stored);
    batch.add(sequence, n);
    const std::vector<float> logits = run_logits(backend, batch.batch(), model.vocab());
    all.insert(all.end(), logits.begin() + static_cast<std::ptrdiff_t>(before) * model.vocab(), logits.end());
  }
  return all;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct TableCase {
  const HostTable* table;
  DType type;
  Activations activations;
  KvType kv_type = KvType::f32;
};

class HostTables : public ::testing::TestWithParam<TableCase> {
 protected:
  void SetUp() override {
    if (!GetParam().table->available()) {
      GTEST_SKIP() << "this processor lacks " << GetParam().table->needs;
    }
  }
};

TEST_P(HostTables, ChunksMixesPagesThreadsAndRepackingGiveTheSameBits) {
  const TinyModel model(GetParam().type);
  const OpTable table = make_ops(*GetParam().table);
  const auto tokens = testing::random_tokens(kPrompt, model.vocab(), 7);
  const auto others = testing::random_tokens(60, model.vocab(), 8);
  std::vector<float> expected;
  for (const int threads : {1, 2, 3, 4}) {
    const bool repack = threads != 2;
    const auto backend = loaded(
        table, model,
        {.n_threads = threads, .activations = GetParam().activations, .kv_type = GetParam().kv_type, .repack = repack});
    for (const int chunk : threads == 1 ? std::vector{kPrompt, 1, 32, 33} : std::vector{7, kPrompt}) {
      TinyBlocks blocks(model.plan().n_kv_groups, 64, static_cast<std::uint32_t>(100 * threads + chunk));
      TinySequence other = blocks.sequence(others);
      const auto logits =
          run_in_chunks(*backend, model, blocks.sequence(tokens), chunk, chunk % 2 == 1 ? &other : nullptr);
      if (expected.empty()) {
        expected = logits;
        ASSERT_TRUE(std::all_of(expected.begin(), expected.end(), [](float v) { return std::isfinite(v); }));
      }
      EXPECT_TRUE(same_bits(logits, expected)) << threads << " threads, chunks of " << chunk;
    }
  }
}

std::vector<TableCase> table_cases() {
  std::vector<TableCase> cases;
  for (const HostTable& table : host_tables()) {
    cases.push_back({&table, DType::f32, Activations::f32});
    cases.push_back({&table, DType::q8_0, Activations::f32});
    cases.push_back({&table, DType::q8_0, Activations::q8});
    cases.push_back({&table, DType::q4_0, Activations::q8});
    cases.push_back({&table, DType::f32, Activations::f32, KvType::f16});
    cases.push_back({&table, DType::f32, Activations::f32, KvType::q8_0});
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(All, HostTables, ::testing::ValuesIn(table_cases()), [](const auto& test) {
  std::string name =
      fmt::format("{}_{}_{}_{}", test.param.table->device, format_of(test.param.type).name,
                  test.param.activations == Activations::q8 ? "q8" : "f32", to_string(test.param.kv_type));
  std::replace(name.begin(), name.end(), ':', '_');
  return name;
});

std::vector<const HostTable*> usable_tables() {
  std::vector<const HostTable*> tables;
  for (const HostTable& table : host_tables()) {
    if (table.available()) {
      tables.push_back(&table);
    }
  }
  return tables;
}

TEST(HostBackend, AReusedBlockLeavesNothingBehind) {
  TinyModel model;
  model.poison(0);
  auto tokens = testing::random_tokens(40, model.vocab() - 1, 9);
  for (auto& token : tokens) {
    ++token;
  }
  for (const HostTable* table : usable_tables()) {
    const auto backend = loaded(make_ops(*table), model, {.n_threads = 2, .activations = Activations::f32});
    TinyBlocks blocks(model.plan().n_kv_groups, 64, 5);
    const TinySequence clean = blocks.sequence(tokens);
    const auto expected = run_in_chunks(*backend, model, clean, 5, nullptr);
    TinySequence bad = clean;
    bad.tokens.assign(64, 0);  // fills the same blocks with NaN to their ends
    const auto poisoned = run_in_chunks(*backend, model, bad, 64, nullptr);
    EXPECT_TRUE(std::isnan(poisoned.back()));
    EXPECT_TRUE(same_bits(run_in_chunks(*backend, model, clean, 5, nullptr), expected)) << table->device;
  }
}

TEST(HostBackend, VerifyPassesOnEveryTable) {
  for (const HostTable* table : usable_tables()) {
    HostBackend backend(make_ops(*table), "test", {.n_threads = 2});
    const Status status = backend.verify();
    EXPECT_TRUE(status.ok()) << status.error().message;
  }
}

TEST(HostBackend, VerifyNamesAWrongOp) {
  OpTable table = ref::ops();
  table.gate = [](const GateOp& op, float* gate, const float* up, std::int64_t n, const Work& work) {
    ref::ops().gate(op, gate, up, n, work);
    work.slot(Slot::gate)[0] += 1;
  };
  HostBackend backend(table, "broken", {.n_threads = 1});
  const Status status = backend.verify();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::device);
  EXPECT_NE(status.error().message.find("a gate gives"), std::string::npos) << status.error().message;
}

TEST(HostBackend, SamplesOneTokenPerOutputRowAndFailsNaNRowsAlone) {
  TinyModel model;
  model.poison(0);
  const auto backend = loaded(ref::ops(), model, {.n_threads = 2});
  TinyBlocks blocks(model.plan().n_kv_groups, 64, 5);
  TinySequence good = blocks.sequence({5, 6});
  TinySequence bad = blocks.sequence({0});
  TinyBatch batch(model.plan().n_kv_groups);
  batch.add(good, 2);
  batch.add(bad, 1);
  const std::vector<SampleSpec> samples(3, SampleSpec{.params = {.temperature = 0.0F}});
  std::vector<std::int32_t> sampled(3);
  std::vector<float> logits(3 * static_cast<std::size_t>(model.vocab()));
  ASSERT_TRUE(backend->run(batch.batch(), samples, {.logits = logits, .sampled = sampled}).ok());
  const auto best = std::max_element(logits.begin(), logits.begin() + model.vocab()) - logits.begin();
  EXPECT_EQ(sampled[0], best);
  EXPECT_EQ(sampled[2], kNotSampled);
  std::vector<std::int32_t> alone(3);
  ASSERT_TRUE(backend->run(batch.batch(), samples, {.logits = {}, .sampled = alone}).ok());
  EXPECT_EQ(alone, sampled);
}

TEST(HostBackend, RecordsEveryStepWithItsCostAndEveryThreadsShare) {
  const TinyModel model;
  Recorder recorder;
  const auto backend = loaded(ref::ops(), model, {.n_threads = 2, .recorder = &recorder});
  TinyBlocks blocks(model.plan().n_kv_groups, 64, 5);
  TinySequence sequence = blocks.sequence({1, 2, 3});
  TinyBatch batch(model.plan().n_kv_groups);
  batch.add(sequence, 3);
  run_logits(*backend, batch.batch(), model.vocab());
  std::size_t whole = 0;
  std::size_t shares = 0;
  for (const Span& span : recorder.spans()) {
    EXPECT_LE(span.begin_ns, span.end_ns);
    EXPECT_EQ(span.bytes > 0, span.track == 0);
    ++(span.track == 0 ? whole : shares);
  }
  EXPECT_EQ(whole, model.plan().steps.size());
  EXPECT_EQ(shares, 2 * model.plan().steps.size());
}

TEST(HostBackend, MemoryTellsWhatTheModelHolds) {
  const TinyModel model;
  const auto backend = loaded(ref::ops(), model, {.n_threads = 1});
  const Memory memory = backend->memory();
  EXPECT_EQ(memory.kv_block_bytes, 2 * kKvBlock * 2 * 16 * 2);  // k and v, 2 heads of 16 halves, one layer in group 0
  EXPECT_GT(memory.model_bytes, 2 * 64 * memory.kv_block_bytes);
  EXPECT_GT(memory.free_bytes, 0);
  EXPECT_LE(memory.free_bytes, memory.total_bytes);
}

TEST(HostBackend, MemoryIsToldBeforeItIsTaken) {
  for (const HostTable* table : usable_tables()) {
    for (const DType type : {DType::f32, DType::q8_0}) {
      for (const bool repack : {true, false}) {
        const TinyModel model(type);
        const BackendOptions options = {.n_threads = 2, .kv_type = KvType::q8_0, .repack = repack};
        const KvShape kv = testing::tiny_kv(model.plan());
        const MemoryNeeds needs = memory_needs(std::string(table->device), options, model.plan(), model, kv).value();
        EXPECT_EQ(needs.total(), loaded(make_ops(*table), model, options)->memory().model_bytes) << table->device;
        EXPECT_EQ(needs.kv_bytes,
                  64 * (kv_block_bytes(model.plan(), 0, KvType::q8_0) + kv_block_bytes(model.plan(), 1, KvType::q8_0)));
      }
    }
  }
}

TEST(HostBackend, AnObserverWithoutMemoryEndsItsRunAlone) {
  struct Hungry : StepObserver {
    void after(const StepOutput& output) override {
      if (output.step_index == 2) {
        throw std::bad_alloc();
      }
    }
  };
  const TinyModel model;
  const auto backend = loaded(ref::ops(), model, {.n_threads = 3});
  TinyBlocks blocks(model.plan().n_kv_groups, 64, 5);
  TinySequence sequence = blocks.sequence({1, 2, 3});
  TinyBatch batch(model.plan().n_kv_groups);
  batch.add(sequence, 3);
  std::vector<float> logits(static_cast<std::size_t>(3 * model.vocab()));
  Hungry hungry;
  const Status status = backend->run(batch.batch(), {}, {.logits = logits, .sampled = {}}, &hungry);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::out_of_memory);
  EXPECT_TRUE(backend->run(batch.batch(), {}, {.logits = logits, .sampled = {}}).ok());
}

TEST(HostBackend, LoadRefusesWhatDoesNotFit) {
  const TinyModel model;
  HostBackend backend(ref::ops(), "ref", {.n_threads = 1});
  KvShape kv = testing::tiny_kv(model.plan());
  kv.n_blocks.assign(kv.n_blocks.size(), INT32_MAX / kKvBlock);
  const Status status = backend.load(model.plan(), model, kv);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::out_of_memory);
  EXPECT_NE(status.error().message.find("KV cache"), std::string::npos);
  kv.n_blocks.resize(1);
  EXPECT_EQ(backend.load(model.plan(), model, kv).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(backend.run({}, {}, {}, nullptr).error().message, "ref: run before load");
}

/// An op that does nothing is told by its name.
TEST(Verify, NamesWhatIsWrong) {
  ThreadTeam team(2);
  for (const HostTable* table : usable_tables()) {
    EXPECT_TRUE(verify_table(make_ops(*table), team).ok()) << table->device;
  }
  std::vector<std::pair<std::string, OpTable>> broken(5, {"", ref::ops()});
  broken[0].first = "a norm";
  broken[0].second.norm = [](const NormOp&, const Work&) {};
  broken[1].first = "a gate";
  broken[1].second.gate = [](const GateOp&, float*, const float*, std::int64_t, const Work&) {};
  broken[2].first = "an attention";
  broken[2].second.attend = [](const AttendOp&, int, const Work&) {};
  broken[3].first = "a rotation";
  broken[3].second.rope_store = [](const RopeStoreOp&, int, const Work&) {};
  broken[4].first = "tokens near the best";
  broken[4].second.split_tokens = [](const float*, int, double, double, std::int32_t*) { return SplitWeights{}; };
  for (const auto& [op, table] : broken) {
    const Status status = verify_table(table, team);
    ASSERT_FALSE(status.ok()) << op;
    EXPECT_NE(status.error().message.find(op), std::string::npos) << status.error().message;
  }
}

}  // namespace
}  // namespace llorch::cpu
