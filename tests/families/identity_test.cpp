// A sequence's logits are the same bits alone and whole, cut into chunks, beside other sequences, with any number of
// threads, and past its window, in every family.
#include <gtest/gtest.h>

#include <cstring>

#include "backend/testing/tiny_model.h"
#include "families/golden_models.h"

namespace llorch::testing {
namespace {

constexpr int kTokens = 90;  // several windows, three KV blocks
constexpr int kOther = 40;

class EveryFamily : public ::testing::TestWithParam<std::string> {};

std::vector<float> run_whole(Loaded& model, const std::vector<std::int32_t>& tokens) {
  TinyBlocks blocks(model.plan.n_kv_groups, 64, 3);
  TinySequence sequence = blocks.sequence(tokens);
  TinyBatch batch(model.plan.n_kv_groups);
  batch.add(sequence, static_cast<int>(tokens.size()));
  return run_logits(*model.backend, batch.batch(), model.plan.spec.vocab);
}

/// The sequence in chunks, each behind a chunk of another one and before a single token of a third.
std::vector<float> run_mixed(Loaded& model, const std::vector<std::int32_t>& tokens, int chunk) {
  const int vocab = model.plan.spec.vocab;
  TinyBlocks blocks(model.plan.n_kv_groups, 64, 5);
  TinySequence sequence = blocks.sequence(tokens);
  TinySequence before = blocks.sequence(random_tokens(kOther, vocab, 21));
  TinySequence after = blocks.sequence(random_tokens(kOther, vocab, 22));
  std::vector<float> all;
  for (int done = 0; done < kTokens; done += chunk) {
    const int n = std::min(chunk, kTokens - done);
    TinyBatch batch(model.plan.n_kv_groups);
    const int n_before = std::min(3, kOther - before.n_stored);
    if (n_before > 0) {
      batch.add(before, n_before);
    }
    batch.add(sequence, n);
    if (after.n_stored < kOther) {
      batch.add(after, 1);
    }
    const std::vector<float> rows = run_logits(*model.backend, batch.batch(), vocab);
    const auto first = rows.begin() + static_cast<std::ptrdiff_t>(std::max(n_before, 0)) * vocab;
    all.insert(all.end(), first, first + static_cast<std::ptrdiff_t>(n) * vocab);
  }
  return all;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST_P(EveryFamily, BitsDoNotDependOnTheBatch) {
  const Checkpoint checkpoint = open_golden(GetParam());
  for (const DeviceInfo& device : list_devices()) {
    if (!device.available || (device.name != "ref" && device.name.rfind("cpu:", 0) != 0)) {
      continue;
    }
    for (const Activations activations : {Activations::f32, Activations::q8}) {
      std::vector<float> whole;
      for (const int n_threads : {1, 2}) {
        auto model = load_golden(checkpoint, device.name, {.n_threads = n_threads, .activations = activations});
        ASSERT_TRUE(model.ok()) << model.error().message;
        const auto tokens = random_tokens(kTokens, model->plan.spec.vocab, 20);
        whole = whole.empty() ? run_whole(*model, tokens) : whole;
        EXPECT_TRUE(same_bits(whole, run_whole(*model, tokens))) << device.name << " " << n_threads << " threads";
        for (const int chunk : {1, 7, 33}) {
          EXPECT_TRUE(same_bits(whole, run_mixed(*model, tokens, chunk)))
              << device.name << " " << n_threads << " threads, chunks of " << chunk;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, EveryFamily, ::testing::ValuesIn(golden_names()), [](const auto& param) {
  std::string name = param.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace llorch::testing
