#include "backend/check_batch.h"

#include <algorithm>
#include <string_view>

#include "base/format.h"
#include "quant/formats.h"

namespace llorch {
namespace {

template <class... Args>
Status refuse(fmt::format_string<Args...> format, Args&&... args) {
  return errorf(ErrorCode::invalid_argument, "batch: {}", fmt::format(format, std::forward<Args>(args)...));
}

Status check_size(std::string_view field, std::size_t size, std::size_t wanted) {
  return size == wanted ? Status() : refuse("{} has {} entries, {} are needed", field, size, wanted);
}

/// min <= n <= max
Status check_count(std::string_view what, std::size_t n, int min, int max) {
  if (n < static_cast<std::size_t>(min) || n > static_cast<std::size_t>(max)) {
    return refuse("{} {}; between {} and {} can run", n, what, min, max);
  }
  return {};
}

/// 0 <= values[i] < end for all i
Status check_values(std::string_view field, std::span<const std::int32_t> values, std::int64_t end) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] < 0 || values[i] >= end) {
      return refuse("{}[{}] is {}, outside 0..{}", field, i, values[i], end - 1);
    }
  }
  return {};
}

Status check_shapes(const BatchLimits& limits, const Batch& batch) {
  LL_TRY(check_count("tokens", batch.tokens.size(), 1, limits.kv.max_batch_tokens));
  LL_TRY(check_count("sequences", batch.kv_lens.size(), 1, limits.kv.max_batch_seqs));
  LL_TRY(check_count("output rows", batch.output_rows.size(), 0, limits.kv.max_outputs));
  LL_TRY(check_size("positions", batch.positions.size(), batch.tokens.size()));
  LL_TRY(check_size("seq_starts", batch.seq_starts.size(), batch.kv_lens.size() + 1));
  LL_TRY(check_size("kv", batch.kv.size(), limits.kv.n_blocks.size()));
  for (const KvGroup& group : batch.kv) {
    if (group.max_blocks < 0) {
      return refuse("max_blocks is {}", group.max_blocks);
    }
    LL_TRY(check_size("kv_slots", group.kv_slots.size(), batch.tokens.size()));
    LL_TRY(check_size("block_table", group.block_table.size(),
                      batch.kv_lens.size() * static_cast<std::size_t>(group.max_blocks)));
  }
  return {};
}

/// Sequences lie one after the other, and each one's positions rise and end at its last key.
Status check_sequences(const Batch& batch) {
  if (batch.seq_starts.front() != 0 || batch.seq_starts.back() != batch.n_tokens()) {
    return refuse("seq_starts go from {} to {}, not from 0 to {}", batch.seq_starts.front(), batch.seq_starts.back(),
                  batch.n_tokens());
  }
  for (std::size_t s = 0; s < batch.kv_lens.size(); ++s) {
    const std::int32_t begin = batch.seq_starts[s];
    const std::int32_t end = batch.seq_starts[s + 1];
    if (begin < 0 || begin >= end || end > batch.n_tokens()) {
      return refuse("sequence {} has the tokens {}..{}", s, begin, end);
    }
    std::int32_t previous = -1;
    for (const std::int32_t p :
         batch.positions.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin))) {
      if (p <= previous) {
        return refuse("in sequence {} position {} follows {}", s, p, previous);
      }
      previous = p;
    }
    if (batch.kv_lens[s] != previous + 1) {
      return refuse("sequence {} ends at position {}, but its kv_len is {}", s, previous, batch.kv_lens[s]);
    }
  }
  return {};
}

/// The blocks that sequence s can see exist, and its tokens are written where its table says.
Status check_blocks(const Batch& batch, std::size_t s, const KvGroup& group, int n_blocks, int window) {
  const auto begin = static_cast<std::size_t>(batch.seq_starts[s]);
  const auto end = static_cast<std::size_t>(batch.seq_starts[s + 1]);
  const int last = (batch.kv_lens[s] - 1) / kKvBlock;
  if (last >= group.max_blocks) {
    return refuse("sequence {} has {} keys, more than {} blocks hold", s, batch.kv_lens[s], group.max_blocks);
  }
  const auto table = group.block_table.subspan(s * static_cast<std::size_t>(group.max_blocks),
                                               static_cast<std::size_t>(group.max_blocks));
  const int first = window > 0 ? std::max(0, batch.positions[begin] - window + 1) / kKvBlock : 0;
  for (int i = first; i <= last; ++i) {
    const std::int32_t block = table[static_cast<std::size_t>(i)];
    if (block < 0 || block >= n_blocks) {
      return refuse("block {} of sequence {} is {}, outside 0..{}", i, s, block, n_blocks - 1);
    }
  }
  for (std::size_t t = begin; t < end; ++t) {
    const std::int32_t p = batch.positions[t];
    const std::int32_t slot = table[static_cast<std::size_t>(p / kKvBlock)] * kKvBlock + p % kKvBlock;
    if (group.kv_slots[t] != slot) {
      return refuse("kv_slots[{}] is {}, but the block table says {}", t, group.kv_slots[t], slot);
    }
  }
  return {};
}

Status check_outputs(const BatchLimits& limits, const Batch& batch, std::span<const SampleSpec> samples,
                     const Outputs& outputs) {
  const std::size_t n = batch.output_rows.size();
  LL_TRY(check_values("output_rows", batch.output_rows, batch.n_tokens()));
  if (!outputs.logits.empty()) {
    LL_TRY(check_size("outputs.logits", outputs.logits.size(), n * static_cast<std::size_t>(limits.n_logits)));
  }
  if (!outputs.sampled.empty()) {
    LL_TRY(check_size("outputs.sampled", outputs.sampled.size(), n));
    LL_TRY(check_size("samples", samples.size(), n));
  }
  return {};
}

}  // namespace

Status check_matrix(const MatrixView& w, const WeightDecl& decl) {
  const Format* format = find_format(static_cast<std::uint32_t>(w.type));
  if (format == nullptr) {
    return errorf(ErrorCode::model_file, "{}: the type {} cannot be decoded", decl.name,
                  static_cast<std::uint32_t>(w.type));
  }
  if (w.rows != decl.rows || w.cols != decl.cols || w.data == nullptr) {
    return errorf(ErrorCode::model_file, "{}: shape [{}, {}], the plan needs [{}, {}]", decl.name, w.rows, w.cols,
                  decl.rows, decl.cols);
  }
  if (w.rows > INT32_MAX || w.cols % format->block_len != 0 || w.row_bytes < bytes_of(*format, w.cols)) {
    return errorf(ErrorCode::model_file, "{}: rows of {} weights in {} bytes are no {} rows", decl.name, w.cols,
                  w.row_bytes, format->name);
  }
  return {};
}

Result<BatchLimits> batch_limits(const Plan& plan, const KvShape& kv) {
  if (kv.n_blocks.size() != static_cast<std::size_t>(plan.n_kv_groups) || kv.max_batch_tokens < 1 ||
      kv.max_batch_seqs < 1 || kv.max_outputs < 0) {
    return errorf(ErrorCode::invalid_argument,
                  "KV shape: {} groups for {}, batches of {} tokens, {} sequences, {} outputs", kv.n_blocks.size(),
                  plan.n_kv_groups, kv.max_batch_tokens, kv.max_batch_seqs, kv.max_outputs);
  }
  for (const int n : kv.n_blocks) {
    if (n < 1 || n > INT32_MAX / kKvBlock) {
      return errorf(ErrorCode::invalid_argument, "KV shape: a group of {} blocks", n);
    }
  }
  BatchLimits limits{.kv = kv};
  limits.windows.assign(kv.n_blocks.size(), -1);
  for (const Step& step : plan.steps) {
    if (const auto* embed = std::get_if<EmbedOp>(&step.op)) {
      limits.vocab = plan.weights[static_cast<std::size_t>(embed->table)].rows;
      limits.positions =
          embed->position_table == kNoWeight ? 0 : plan.weights[static_cast<std::size_t>(embed->position_table)].rows;
    } else if (const auto* logits = std::get_if<LogitsOp>(&step.op)) {
      limits.n_logits = plan.weights[static_cast<std::size_t>(logits->weight)].rows;
    } else if (const auto* attend = std::get_if<AttendOp>(&step.op)) {
      int& window = limits.windows[static_cast<std::size_t>(attend->kv_group)];
      window = window == 0 || attend->window == 0 ? 0 : std::max(window, attend->window);
    }
  }
  std::replace(limits.windows.begin(), limits.windows.end(), -1, 0);
  return limits;
}

Status check_batch(const BatchLimits& limits, const Batch& batch, std::span<const SampleSpec> samples,
                   const Outputs& outputs) {
  LL_TRY(check_shapes(limits, batch));
  LL_TRY(check_values("tokens", batch.tokens, limits.vocab));
  LL_TRY(check_sequences(batch));
  if (limits.positions > 0) {
    LL_TRY(check_values("positions", batch.positions, limits.positions));
  }
  for (std::size_t g = 0; g < batch.kv.size(); ++g) {
    for (std::size_t s = 0; s < batch.kv_lens.size(); ++s) {
      LL_TRY(check_blocks(batch, s, batch.kv[g], limits.kv.n_blocks[g], limits.windows[g]));
    }
  }
  return check_outputs(limits, batch, samples, outputs);
}

}  // namespace llorch
