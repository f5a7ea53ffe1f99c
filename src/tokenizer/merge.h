// The loop of byte-pair encoding, shared by bpe.cpp and spm.cpp: join the best pair of neighbours until none is left.
// A linked list of symbols and a queue of candidates: at worst n log n in the number of symbols, no recursion. Words
// have few symbols: looking at all of them for the best pair is faster there.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "tokenizer/merge_queue.h"

namespace llorch {

struct Symbol {
  std::int32_t id = -1;  // a token, or -1: text alone
  std::uint32_t begin = 0;
  std::uint32_t length = 0;  // bytes; 0 once it was joined to its left neighbour
  std::int32_t previous = -1;
  std::int32_t next = -1;
};

struct MergeScratch {
  std::vector<Symbol> symbols;
  MergeQueue queue;
  std::vector<Merge> pairs;  // of few symbols: each with the next

  void add(std::int32_t id, std::uint32_t begin, std::uint32_t length) {
    const auto index = static_cast<std::int32_t>(symbols.size());
    if (index > 0) {
      symbols.back().next = index;
    }
    symbols.push_back({id, begin, length, index - 1, -1});
  }
};

inline constexpr std::size_t kFewSymbols = 40;

/// merge_symbols() for few symbols: they are moved together.
template <class Find>
void merge_few(MergeScratch& scratch, const Find& find) {
  constexpr double kNone = std::numeric_limits<double>::infinity();
  auto& symbols = scratch.symbols;
  auto& pairs = scratch.pairs;
  const auto look = [&](std::size_t i) { pairs[i] = find(symbols[i], symbols[i + 1]).value_or(Merge{kNone, -1}); };
  std::size_t n = symbols.size();
  pairs.resize(n);
  for (std::size_t i = 0; i + 1 < n; ++i) {
    look(i);
  }
  while (n > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < n; ++i) {
      best = pairs[i].key < pairs[best].key ? i : best;
    }
    if (pairs[best].key == kNone) {
      break;
    }
    symbols[best].id = pairs[best].id;
    symbols[best].length += symbols[best + 1].length;
    --n;
    for (std::size_t i = best + 1; i < n; ++i) {
      symbols[i] = symbols[i + 1];
      pairs[i - 1] = pairs[i];
    }
    if (best > 0) {
      look(best - 1);
    }
    if (best + 1 < n) {
      look(best);
    }
  }
  symbols.resize(n);
}

/// Merges scratch.symbols in place. find(left, right) -> std::optional<Merge>. Survivors have length > 0, in order.
template <class Find>
void merge_symbols(MergeScratch& scratch, const Find& find) {
  auto& symbols = scratch.symbols;
  if (symbols.size() <= kFewSymbols) {
    return merge_few(scratch, find);
  }
  MergeQueue& queue = scratch.queue;
  queue.clear();
  const auto at = [&](std::int32_t index) -> Symbol& { return symbols[static_cast<std::size_t>(index)]; };
  const auto consider = [&](std::int32_t left, std::int32_t right) {
    if (left < 0 || right < 0) {
      return;
    }
    if (const std::optional<Merge> merge = find(at(left), at(right))) {
      queue.push({*merge, left, at(left).length + at(right).length});
    }
  };
  for (std::int32_t i = 1; i < static_cast<std::int32_t>(symbols.size()); ++i) {
    consider(i - 1, i);
  }
  while (!queue.empty()) {
    const MergeCandidate best = queue.pop();
    Symbol& left = at(best.left);
    // Symbols only grow: the sum is the same for the pair that was found, and for no other.
    if (left.length == 0 || left.next < 0 || left.length + at(left.next).length != best.length) {
      continue;
    }
    Symbol& right = at(left.next);
    left.id = best.merge.id;
    left.length = best.length;
    left.next = right.next;
    right.length = 0;
    if (left.next >= 0) {
      at(left.next).previous = best.left;
    }
    consider(left.previous, best.left);
    consider(best.left, left.next);
  }
}

}  // namespace llorch
