// The kernel that draws tokens, run by threads of the host, against sample(): the same token in every case.
#include "backend/cuda/kernels/sample_row.cuh"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "backend/cuda/sample_rows.h"
#include "sampling/sampler.h"

namespace llorch::cuda {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

class HostBlock {
 public:
  HostBlock(int thread, int n_threads, std::barrier<>& barrier)
      : thread_(thread), n_threads_(n_threads), barrier_(&barrier) {}
  int thread() const { return thread_; }
  int n_threads() const { return n_threads_; }
  void sync() const { barrier_->arrive_and_wait(); }
  std::uint32_t add(std::uint32_t* to, std::uint32_t n) const {
    return std::atomic_ref(*to).fetch_add(n, std::memory_order_relaxed);
  }

 private:
  int thread_, n_threads_;
  std::barrier<>* barrier_;
};

/// All rows by one block after the other, whose shared memory holds whatever was there.
void run_blocks(const SampleArgs& args, int n_threads) {
  auto shared = std::make_unique<RowShared>();
  std::barrier barrier(n_threads);
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < n_threads; ++thread) {
    threads.emplace_back([&, thread] {
      const HostBlock block(thread, n_threads, barrier);
      for (int i = 0; i < args.n_rows; ++i) {
        block.sync();
        if (thread == 0) {
          std::memset(static_cast<void*>(shared.get()), 0xA5, sizeof(RowShared));
        }
        block.sync();
        sample_row(block, *shared, args, i);
      }
    });
  }
}

/// What the kernel draws from the logits with each of the samples.
std::vector<std::int32_t> drawn(const std::vector<float>& logits, const std::vector<SampleSpec>& samples,
                                int n_threads) {
  SampleRows rows(static_cast<int>(samples.size()), static_cast<int>(logits.size()));
  std::vector<double> piece((rows.bytes() + sizeof(double) - 1) / sizeof(double));
  auto* bytes = reinterpret_cast<std::byte*>(piece.data());
  std::vector<std::int32_t> out(samples.size(), -7);
  for (std::size_t next = 0; next < samples.size();) {
    const SampleRows::Written written = rows.write(samples, next, bytes);
    std::vector<float> copies;  // [samples before written.next, width]; those before `next` are not read
    for (std::size_t i = 0; i < written.next; ++i) {
      copies.insert(copies.end(), logits.begin(), logits.end());
    }
    run_blocks({.logits = copies.data(),
                .width = static_cast<int>(logits.size()),
                .rows = reinterpret_cast<const SampleRow*>(bytes),
                .n_rows = written.n_rows,
                .counts = reinterpret_cast<const TokenCount*>(bytes + written.counts_at),
                .out = out.data()},
               n_threads);
    next = written.next;
  }
  return out;
}

void expect_same(const std::vector<float>& logits, const std::vector<SampleSpec>& samples, int n_threads,
                 const std::string& what) {
  const std::vector<std::int32_t> tokens = drawn(logits, samples, n_threads);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (is_greedy(samples[i])) {
      continue;
    }
    const Result<std::int32_t> token = sample(logits, samples[i]);
    const SamplingParams& p = samples[i].params;
    ASSERT_EQ(tokens[i], token.ok() ? *token : kNotSampled)
        << what << ", " << logits.size() << " logits, " << n_threads << " threads, sample " << i << ": temperature "
        << p.temperature << " top-k " << p.top_k << " top-p " << p.top_p << " min-p " << p.min_p << " seed " << p.seed;
  }
}

/// Every filter alone and with others, temperatures from none to huge, penalties; each with a seed of its own.
std::vector<SampleSpec> all_samples(int vocab, std::span<const std::int32_t> history, int n_seeds) {
  std::vector<SamplingParams> all;
  for (const float temperature : {1.0F, 0.7F, 0.01F, 5.0F, 1e6F, 1e-30F, 1e-45F}) {
    all.push_back({.temperature = temperature});
    all.push_back({.temperature = temperature, .top_k = 40, .top_p = 0.95F, .min_p = 0.02F});
  }
  for (const int top_k : {1, 2, 40, 1024, 1025, 3000, vocab - 1, vocab, vocab + 1}) {
    all.push_back({.top_k = top_k});
    all.push_back({.temperature = 3.0F, .top_k = top_k, .top_p = 0.8F});
    all.push_back({.top_k = top_k, .min_p = 0.3F});
  }
  for (const float share : {0.0F, 1e-6F, 0.1F, 0.5F, 0.999999F, 1.0F}) {
    all.push_back({.top_p = share});
    all.push_back({.min_p = share});
    all.push_back({.temperature = 2.0F, .top_p = share, .min_p = 1e-9F});
  }
  all.push_back({.min_p = 2.0F});
  for (const float repetition : {1.0F, 1.3F, 0.5F}) {
    for (const float other : {0.0F, 0.4F, -1.0F}) {
      all.push_back({.temperature = 0, .repetition_penalty = repetition, .presence_penalty = other});
      all.push_back({.temperature = 0.9F,
                     .top_k = 100,
                     .repetition_penalty = repetition,
                     .presence_penalty = other,
                     .frequency_penalty = 0.3F});
    }
  }
  std::vector<SampleSpec> samples;
  for (int seed = 0; seed < n_seeds; ++seed) {
    for (SamplingParams& p : all) {
      p.seed += 0x9E3779B97F4A7C15U * (samples.size() + 1);
      samples.push_back({.params = p,
                         .choice = static_cast<std::uint32_t>(seed),
                         .position = static_cast<std::uint32_t>(samples.size()),
                         .history = history});
    }
  }
  return samples;
}

std::vector<float> normal(int n, float size, unsigned int seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> values(0, size);
  std::vector<float> logits(static_cast<std::size_t>(n));
  for (float& logit : logits) {
    logit = values(random);
  }
  return logits;
}

/// Ids in and out of the vocabulary, many of them more than once.
std::vector<std::int32_t> history_of(int vocab) {
  std::mt19937 random(5);
  std::vector<std::int32_t> history = {-1, vocab, vocab + 100, 0, 0, 0, vocab - 1};
  for (int i = 0; i < 500; ++i) {
    history.push_back(static_cast<std::int32_t>(random() % static_cast<unsigned int>(i % 2 == 0 ? vocab : 7)));
  }
  return history;
}

struct Named {
  std::string name;
  std::vector<float> logits;
};

/// As of a model, and what is hard: equals at every cut, one value for all, steps, few that are finite, no numbers.
std::vector<Named> all_logits(int vocab) {
  const auto n = static_cast<std::size_t>(vocab);
  std::vector<Named> all;
  for (const float size : {3.0F, 0.01F, 30.0F}) {
    all.push_back({"normal " + std::to_string(size), normal(vocab, size, 1)});
  }
  std::vector<float> logits = normal(vocab, 3.0F, 2);
  for (float& logit : logits) {
    logit = std::round(logit * 2) / 2;  // and both zeros
  }
  all.push_back({"steps", logits});
  all.push_back({"all equal", std::vector<float>(n, 0.5F)});
  all.push_back({"all zero", std::vector<float>(n, 0.0F)});
  for (std::size_t i = 0; i < n; i += 3) {
    all.back().logits[i] = -0.0F;
  }
  all.push_back({"all far below one", std::vector<float>(n, -28.5F)});
  all.back().logits[n / 2] = 0;
  all.push_back({"neighbours", std::vector<float>(n, 1.0F)});
  for (std::size_t i = 0; i < n; ++i) {
    all.back().logits[i] += static_cast<float>(i * 7919 % 1000) * 0x1p-23F;
  }
  logits = normal(vocab, 2.0F, 3);
  for (std::size_t i = 0; i < n; ++i) {
    logits[i] = i % 50 == n % 50 ? logits[i] : -kInf;
  }
  logits[n - 1] = 0;
  all.push_back({"most at -inf", logits});
  all.push_back({"huge", normal(vocab, 1e38F, 4)});
  all.push_back({"tiny", normal(vocab, 1e-42F, 5)});
  return all;
}

/// Samples from `first` on, every `step`th.
std::vector<SampleSpec> some_of(const std::vector<SampleSpec>& samples, std::size_t first, std::size_t step) {
  std::vector<SampleSpec> some;
  for (std::size_t i = first; i < samples.size(); i += step) {
    some.push_back(samples[i]);
  }
  return some;
}

TEST(CudaSampleRow, DrawsWhatTheHostDraws) {
  for (const int vocab : {1, 2, 31, 1000, 5000}) {
    const std::vector<std::int32_t> history = history_of(vocab);
    for (const auto& [name, logits] : all_logits(vocab)) {
      expect_same(logits, all_samples(vocab, history, 2), 1, name);
    }
  }
}

TEST(CudaSampleRow, DrawsFromAWholeVocabulary) {
  constexpr int kVocab = 128256;
  const std::vector<std::int32_t> history = history_of(kVocab);
  std::size_t first = 0;
  for (const auto& [name, logits] : all_logits(kVocab)) {
    expect_same(logits, some_of(all_samples(kVocab, history, 1), first++ % 4, 4), 1, name);
  }
}

/// Where every thread has its part, and races and waits that are missing show. Threads of the host wait long for each
/// other: few rows.
TEST(CudaSampleRow, DrawsWithManyThreads) {
  constexpr int kVocab = 20000;
  const std::vector<std::int32_t> history = history_of(kVocab);
  const std::vector<SampleSpec> samples = all_samples(kVocab, history, 1);
  std::size_t first = 0;
  for (const auto& [name, logits] : all_logits(kVocab)) {
    const int n_threads = std::array{2, 5, 64, 100}[first % 4];
    expect_same(logits, some_of(samples, 7 * first++, samples.size() / 3), n_threads, name);
  }
  const Named hard = all_logits(kVocab)[3];
  expect_same(hard.logits, {samples[1]}, 256, hard.name);
  expect_same(hard.logits, {samples[19]}, 512, hard.name);
}

TEST(CudaSampleRow, RefusesWhatIsNotANumber) {
  const std::vector<SampleSpec> samples = all_samples(300, {}, 1);
  for (const float bad : {kNaN, -kNaN, kInf}) {
    std::vector<float> logits = normal(300, 1.0F, 6);
    logits[299] = bad;
    expect_same(logits, samples, 1, "one that is no number");
    EXPECT_EQ(drawn(logits, {SampleSpec{}}, 1)[0], kNotSampled);
  }
  expect_same(std::vector<float>(300, -kInf), samples, 1, "no finite logit");
  EXPECT_EQ(drawn(std::vector<float>(300, -kInf), {SampleSpec{}}, 1)[0], kNotSampled);
  // Penalties make them: 1 / 0 and -1 * 0.
  const std::vector<std::int32_t> history = {0, 1};
  const SampleSpec zero{.params = {.repetition_penalty = 0.0F}, .history = history};
  expect_same({1, -1, 0.5F}, {zero}, 1, "penalised by 0");
}

/// Logits that come and go above all others in one bin, and a list whose last place is taken.
TEST(CudaSampleRow, BinsThatFillTheList) {
  for (const int n : {1023, 1024, 1025, 2048, 2049}) {
    std::vector<float> logits(4000, -1.0F);
    for (int i = 0; i < n; ++i) {
      logits[static_cast<std::size_t>(i * 1237 % 4000)] = 2.0F;
    }
    expect_same(logits, all_samples(4000, {}, 1), 1, std::to_string(n) + " in the first bin");
  }
}

TEST(CudaSampleRow, KeysOrderLogits) {
  const float rising[] = {-kInf, -3e38F, -1, -1e-45F, 0, 1e-45F, 0.5F, 1, 3e38F, kInf};
  for (std::size_t i = 0; i + 1 < std::size(rising); ++i) {
    EXPECT_GT(key_of(rising[i], 5), key_of(rising[i + 1], 5)) << rising[i];
    EXPECT_EQ(logit_of(key_of(rising[i], 77)), rising[i]);
    EXPECT_EQ(id_of(key_of(rising[i], 77)), 77);
  }
  EXPECT_LT(key_of(1, 5), key_of(1, 6));
  EXPECT_EQ(key_of(-0.0F, 5), key_of(0.0F, 5));
  EXPECT_GT(key_of(kInf, 0), kNanKey);
}

TEST(CudaSampleRows, CountsOfLongHistoriesGoInPieces) {
  constexpr int kVocab = 300000;  // more than the counts' usual room
  std::vector<std::int32_t> history(2 * kVocab);
  for (std::size_t i = 0; i < history.size(); ++i) {
    history[i] = static_cast<std::int32_t>(i % kVocab);
  }
  const SampleSpec greedy{.params = {.temperature = 0}};
  const SampleSpec plain{.params = {.top_k = 3}};
  const SampleSpec penalised{.params = {.presence_penalty = 1}, .history = history};
  const std::vector<SampleSpec> samples = {greedy, plain, penalised, penalised, greedy, plain};
  SampleRows rows(static_cast<int>(samples.size()), kVocab);
  std::vector<double> piece(rows.bytes() / sizeof(double));
  auto* bytes = reinterpret_cast<std::byte*>(piece.data());
  const auto* written_rows = reinterpret_cast<const SampleRow*>(bytes);
  SampleRows::Written written = rows.write(samples, 0, bytes);
  EXPECT_EQ(written.next, 3U);
  ASSERT_EQ(written.n_rows, 2);
  EXPECT_EQ(written_rows[0].row, 1);
  EXPECT_EQ(written_rows[1].row, 2);
  EXPECT_EQ(written_rows[1].n_counts, kVocab);
  EXPECT_EQ(reinterpret_cast<const TokenCount*>(bytes + written.counts_at)[kVocab - 1].count, 2);
  EXPECT_LE(written.bytes, rows.bytes());
  written = rows.write(samples, written.next, bytes);
  EXPECT_EQ(written.next, samples.size());
  ASSERT_EQ(written.n_rows, 2);
  EXPECT_EQ(written_rows[0].row, 3);
  EXPECT_EQ(written_rows[0].n_counts, kVocab);
  EXPECT_EQ(written_rows[1].row, 5);
}

}  // namespace
}  // namespace llorch::cuda
