// SampleRows: the draws of a step as kernels take them, with the counts of tokens that penalties need, in one piece of
// pinned memory on its way to the device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backend/cuda/kernels.h"
#include "sampling/params.h"

namespace llorch::cuda {

/// Whether a draw is the highest logit as it is: what every step computes on the device anyway.
bool is_greedy(const SampleSpec& spec);

class SampleRows {
 public:
  SampleRows() = default;
  /// For steps of up to `most_rows` outputs of n_logits logits.
  SampleRows(int most_rows, int n_logits);

  /// Of the piece: enough for all rows, and for as many counts as some sequences of a usual length have, or one of any.
  std::size_t bytes() const { return bytes_; }

  struct Written {
    std::size_t next = 0;       // the first sample that found no room: it goes with the next piece
    int n_rows = 0;             // SampleRow, from the piece's begin on
    std::size_t counts_at = 0;  // TokenCount, from this byte on
    std::size_t bytes = 0;      // in all
  };
  /// Writes the draws of samples[from ...] that are not greedy to `piece` [bytes()]; row o is that of samples[o].
  Written write(std::span<const SampleSpec> samples, std::size_t from, std::byte* piece);

 private:
  /// The number of counts written; -1 when there is no room.
  int write_counts(std::span<const std::int32_t> history, std::span<TokenCount> to);

  std::size_t bytes_ = 0;
  std::vector<std::int32_t> seen_;  // [n_logits] occurrences; zeros between calls
};

}  // namespace llorch::cuda
