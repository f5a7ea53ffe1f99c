// The sampler: one token from the logits of a whole vocabulary, by what the request asks for.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "ops/benches.h"
#include "sampling/sampler.h"

namespace llorch::bench {
namespace {

constexpr int kHistory = 1024;  // tokens that the penalties look at, at most

struct Case {
  std::string_view name;
  SamplingParams params;
  float deviation = 3;  // of the logits
};

const Case kCases[] = {
    {"greedy", {.temperature = 0}},        {"temperature 0.8", {.temperature = 0.8F}},
    {"top-k 40", {.top_k = 40}},           {"top-p 0.95", {.top_p = 0.95F}},
    {"min-p 0.05", {.min_p = 0.05F}},      {"repetition penalty 1.1", {.repetition_penalty = 1.1F}},
    {"sharp, top-k 40", {.top_k = 40}, 9}, {"sharp, top-p 0.95", {.top_p = 0.95F}, 9},
};

/// Logits near normal. Of a standard deviation of 3 most of the probability is on a few thousand tokens, of 9 on a few.
std::vector<float> logits_of(int vocab, float deviation) {
  std::vector<float> logits(static_cast<std::size_t>(vocab), 0.0F);
  for (std::uint32_t seed = 1; seed <= 4; ++seed) {  // a sum of four uniform numbers
    const std::vector<float> some = random_floats(logits.size(), seed);
    std::transform(logits.begin(), logits.end(), some.begin(), logits.begin(),
                   [&](float sum, float v) { return sum + deviation * 5 / 3 * v; });
  }
  return logits;
}

Status sample_by(const OpTable& table, const Settings& settings, Report& report) {
  std::vector<std::int32_t> history(static_cast<std::size_t>(std::min(kHistory, settings.vocab)));
  std::iota(history.begin(), history.end(), 0);
  for (const Case& c : kCases) {
    const std::vector<float> logits = logits_of(settings.vocab, c.deviation);
    SampleSpec spec{.params = c.params, .history = history};
    Status status;
    const Timing timing = time_runs(settings.least_ms, [&] {
      ++spec.position;
      if (const auto token = sample(logits, spec, table.split_tokens); !token.ok()) {
        status = token.error();
      }
    });
    LL_TRY(status);
    report.add({.op = "sample",
                .table = table.name,
                .what = fmt::format("{} of {}", c.name, settings.vocab),
                .facts = {{"sampling", c.name}, {"vocab", settings.vocab}},
                .timing = timing,
                .cost = {.bytes = std::int64_t{settings.vocab} * static_cast<std::int64_t>(sizeof(float))}});
  }
  return {};
}

}  // namespace

Status bench_sample(const Settings& settings, Machine& /*machine*/, Report& report) {
  for (const OpTable& table : settings.tables) {
    LL_TRY(sample_by(table, settings, report));
  }
  return {};
}

}  // namespace llorch::bench
