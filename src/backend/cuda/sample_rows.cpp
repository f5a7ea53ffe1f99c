#include "backend/cuda/sample_rows.h"

#include <algorithm>

#include "sampling/sampler.h"

namespace llorch::cuda {
namespace {

SampleRow row_of(const SampleSpec& spec, std::size_t row) {
  const SamplingParams& p = spec.params;
  const double share = std::min(1.0, static_cast<double>(p.min_p));
  return {.uniform = uniform_draw(p.seed, spec.choice, spec.position),
          .share = share > 0 ? share : 0,
          .share_reach = share > 0 ? reach_of_share(share) : 0,
          .row = static_cast<std::int32_t>(row),
          .top_k = p.top_k,
          .temperature = p.temperature,
          .top_p = p.top_p,
          .repetition_penalty = p.repetition_penalty,
          .presence_penalty = p.presence_penalty,
          .frequency_penalty = p.frequency_penalty};
}

}  // namespace

bool is_greedy(const SampleSpec& spec) {
  return spec.params.temperature == 0.0F && !has_penalties(spec.params);
}

SampleRows::SampleRows(int most_rows, int n_logits) : seen_(static_cast<std::size_t>(n_logits)) {
  constexpr std::size_t kCounts = std::size_t{1} << 18;  // 64 sequences of 4,096 different tokens
  const auto rows = static_cast<std::size_t>(most_rows);
  const std::size_t counts = std::min(std::max(seen_.size(), kCounts), rows * seen_.size());
  bytes_ = rows * sizeof(SampleRow) + counts * sizeof(TokenCount);
}

SampleRows::Written SampleRows::write(std::span<const SampleSpec> samples, std::size_t from, std::byte* piece) {
  Written written{.next = from, .counts_at = (samples.size() - from) * sizeof(SampleRow)};
  auto* rows = reinterpret_cast<SampleRow*>(piece);
  const std::span counts(reinterpret_cast<TokenCount*>(piece + written.counts_at),
                         (bytes_ - written.counts_at) / sizeof(TokenCount));
  std::size_t n_counts = 0;
  for (; written.next < samples.size(); ++written.next) {
    const SampleSpec& spec = samples[written.next];
    if (is_greedy(spec)) {
      continue;
    }
    SampleRow row = row_of(spec, written.next);
    if (has_penalties(spec.params)) {
      row.first_count = static_cast<std::int32_t>(n_counts);
      row.n_counts = write_counts(spec.history, counts.subspan(n_counts));
      if (row.n_counts < 0) {
        break;
      }
      n_counts += static_cast<std::size_t>(row.n_counts);
    }
    rows[written.n_rows++] = row;
  }
  written.bytes = written.counts_at + n_counts * sizeof(TokenCount);
  return written;
}

int SampleRows::write_counts(std::span<const std::int32_t> history, std::span<TokenCount> to) {
  std::size_t n = 0;
  bool fits = true;
  for (const std::int32_t id : history) {
    if (id < 0 || static_cast<std::size_t>(id) >= seen_.size()) {
      continue;
    }
    if (seen_[static_cast<std::size_t>(id)]++ == 0) {
      if (n == to.size()) {
        seen_[static_cast<std::size_t>(id)] = 0;
        fits = false;
        break;
      }
      to[n++].id = id;
    }
  }
  for (TokenCount& token : to.first(n)) {
    std::int32_t& seen = seen_[static_cast<std::size_t>(token.id)];
    token.count = seen;
    seen = 0;
  }
  return fits ? static_cast<int>(n) : -1;
}

}  // namespace llorch::cuda
