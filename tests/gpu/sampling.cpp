// Tokens that the device draws against sample() with the logits that it computed: the very same, by hand and behind a
// graph.
#include "sampling/sampler.h"

#include <cmath>
#include <limits>

#include "base/format.h"
#include "gpu/gpucheck.h"

namespace llorch::gpucheck {
namespace {

constexpr int kTokens = 97;
constexpr int kDim = 8;
constexpr int kSeqs = 24;

std::vector<SamplingParams> all_params(int vocab) {
  std::vector<SamplingParams> all;
  for (const float temperature : {0.0F, 1.0F, 0.7F, 0.01F, 4.0F, 1e6F, 1e-45F}) {
    all.push_back({.temperature = temperature});
    all.push_back({.temperature = temperature, .top_k = 40, .top_p = 0.95F, .min_p = 0.02F});
    all.push_back({.temperature = temperature, .repetition_penalty = 1.3F, .frequency_penalty = 0.2F});
  }
  for (const int top_k : {1, 40, 1024, 1025, vocab - 1, vocab}) {
    all.push_back({.top_k = top_k});
    all.push_back({.temperature = 3.0F, .top_k = top_k, .top_p = 0.8F});
  }
  for (const float share : {0.0F, 1e-6F, 0.1F, 0.5F, 1.0F}) {
    all.push_back({.top_p = share});
    all.push_back({.min_p = share});
    all.push_back({.top_k = 2000, .min_p = share});
  }
  return all;
}

/// kSeqs draws with one set of parameters after the other, each with a seed of its own.
std::vector<SampleSpec> samples_of(int vocab, std::size_t first, std::span<const std::int32_t> history) {
  const std::vector<SamplingParams> all = all_params(vocab);
  std::vector<SampleSpec> samples;
  for (std::size_t i = first; i < first + kSeqs; ++i) {
    samples.push_back({.params = all[i % all.size()], .position = static_cast<std::uint32_t>(i), .history = history});
    samples.back().params.seed = 0x9E3779B97F4A7C15U * (i + 1);
  }
  return samples;
}

Status compare_tokens(std::span<const std::int32_t> drawn, std::span<const float> logits,
                      std::span<const SampleSpec> samples, const char* how) {
  const std::size_t width = logits.size() / samples.size();
  for (std::size_t o = 0; o < samples.size(); ++o) {
    const Result<std::int32_t> token = sample(logits.subspan(o * width, width), samples[o]);
    const std::int32_t expected = token.ok() ? *token : kNotSampled;
    if (drawn[o] != expected) {
      const SamplingParams& p = samples[o].params;
      return errorf(ErrorCode::internal, "{}: token {}, not {}; temperature {} top-k {} top-p {} min-p {} seed {}", how,
                    drawn[o], expected, p.temperature, p.top_k, p.top_p, p.min_p, p.seed);
    }
  }
  return {};
}

/// Logits: random ones of a size, plus `bias`.
Status check_draws(const Options& options, const std::vector<float>& bias, float size, int n_rounds) {
  const auto vocab = static_cast<int>(bias.size());
  MemoryModel model;
  model.embed(kTokens, kDim, Slot::xn);
  model.step(LogitsOp{.weight = model.matrix(DType::f32, vocab, kDim, size), .bias = model.vector(bias)});
  Sequences sequences(1, std::vector<int>(kSeqs, 4), kTokens);
  LL_ASSIGN(const std::unique_ptr<Backend> device, create_backend(options.device, {.activations = Activations::f32}));
  LL_TRY(device->load(model.plan, model, sequences.kv_shape(64)));
  std::vector<std::int32_t> history = {-1, vocab, 0, 0, vocab - 1};
  for (int i = 0; i < 300; ++i) {
    history.push_back(i * 31 % (i % 2 == 0 ? vocab : 7));
  }
  const Batch batch = sequences.batch(std::vector<std::pair<int, int>>(kSeqs, {0, 1}), true);
  std::vector<float> logits(bias.size() * kSeqs);
  std::vector<std::int32_t> drawn(kSeqs);
  for (int round = 0; round < n_rounds; ++round) {
    const std::vector<SampleSpec> samples = samples_of(vocab, static_cast<std::size_t>(round) * kSeqs, history);
    LL_TRY(device->run(batch, samples, {.logits = logits, .sampled = drawn}));
    LL_TRY(compare_tokens(drawn, logits, samples, "with logits"));
    for (int i = 0; i < 2; ++i) {
      LL_TRY(device->run(batch, samples, {.sampled = drawn}));
      LL_TRY(compare_tokens(drawn, logits, samples, "without logits"));
    }
  }
  return {};
}

/// A value every so many tokens, zeros elsewhere.
std::vector<float> every(int vocab, int step, float value, float others = 0) {
  std::vector<float> bias(static_cast<std::size_t>(vocab), others);
  for (std::size_t i = 0; i < bias.size(); i += static_cast<std::size_t>(step)) {
    bias[i] = value;
  }
  return bias;
}

}  // namespace

void check_sampling(const Options& options, Report& report) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  std::vector<int> vocabs = {1, 31, 1000, 20000};
  if (!options.quick) {
    vocabs.push_back(128256);
  }
  for (const int vocab : vocabs) {
    const auto check = [&](const char* what, const std::vector<float>& bias, float size) {
      report.check(fmt::format("sample {} {}", vocab, what), [&] { return check_draws(options, bias, size, 3); });
    };
    check("random", every(vocab, 1, 0), 1.5F);
    check("alike", every(vocab, 1, 0), 1e-3F);
    check("wide", every(vocab, 1, 0), 20.0F);
    check("equal", every(vocab, 1, 0.5F), 0);
    check("two values", every(vocab, 3, 2.0F), 0);
    check("most at -inf", every(vocab, 50, 0, -kInf), 2.0F);
    check("none finite", every(vocab, 1, -kInf), 1.0F);
    check("one inf", every(vocab, vocab, kInf), 1.0F);
    check("one NaN", every(vocab, vocab, std::numeric_limits<float>::quiet_NaN()), 1.0F);
  }
}

}  // namespace llorch::gpucheck
