// The searches that search.cpp lists, one per format.
#pragma once

#include <cstddef>

#include "quant/search/fit.h"
#include "quant/search/search.h"

namespace llorch::search {

void q8_0(const SearchRow& row, std::byte* out);
void q4_0(const SearchRow& row, std::byte* out);
void q4_1(const SearchRow& row, std::byte* out);
void q5_0(const SearchRow& row, std::byte* out);
void q5_1(const SearchRow& row, std::byte* out);
void q4_k(const SearchRow& row, std::byte* out);
void q5_k(const SearchRow& row, std::byte* out);
void q6_k(const SearchRow& row, std::byte* out);
void iq4_nl(const SearchRow& row, std::byte* out);
void iq4_xs(const SearchRow& row, std::byte* out);
void mxfp4(const SearchRow& row, std::byte* out);

/// Calls block(x, w) for each block of N weights of a row, with w all 1 where the row has no importance.
template <int N, class Block>
void for_blocks(const SearchRow& row, Block block) {
  static_assert(N <= kMaxBlock);
  for (std::int64_t i = 0; i + N <= row.n; i += N) {
    block(row.weights + i, row.importance != nullptr ? row.importance + i : kOnes.values);
  }
}

}  // namespace llorch::search
