// The fast loops of byte-pair encoding against the definition: of all neighbours join the pair with the lowest key, the
// leftmost of equals, until there is none.
#include "tokenizer/merge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace llorch {
namespace {

using Ids = std::vector<std::int32_t>;
using Table = std::map<std::pair<std::int32_t, std::int32_t>, Merge>;

Ids merged_plainly(Ids ids, const Table& table) {
  for (;;) {
    std::size_t best = ids.size();
    Merge merge;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = table.find({ids[i], ids[i + 1]});
      if (found != table.end() && (best == ids.size() || found->second.key < merge.key)) {
        best = i;
        merge = found->second;
      }
    }
    if (best == ids.size()) {
      return ids;
    }
    ids[best] = merge.id;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

Ids merged(const Ids& ids, const Table& table, MergeScratch& scratch) {
  scratch.symbols.clear();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    scratch.add(ids[i], static_cast<std::uint32_t>(i), 1);
  }
  merge_symbols(scratch, [&](const Symbol& a, const Symbol& b) -> std::optional<Merge> {
    const auto found = table.find({a.id, b.id});
    return found == table.end() ? std::nullopt : std::optional(found->second);
  });
  Ids out;
  for (const Symbol& symbol : scratch.symbols) {
    if (symbol.length > 0) {
      out.push_back(symbol.id);
    }
  }
  return out;
}

TEST(Merge, LikeTheDefinition) {
  std::mt19937 random(7);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  MergeScratch scratch;
  for (int round = 0; round < 2000; ++round) {
    const int n_letters = 1 + below(4);
    const int n_keys = 1 + below(30);  // few: many ties between different pairs, as of scores
    Table table;
    for (int n = below(40); n > 0; --n) {
      const int id = n_letters + below(40);
      table[{below(id), below(id)}] = {static_cast<double>(below(n_keys)), id};
    }
    Ids ids(static_cast<std::size_t>(below(round % 10 == 0 ? 600 : 90)));
    std::generate(ids.begin(), ids.end(), [&] { return below(n_letters); });
    ASSERT_EQ(merged(ids, table, scratch), merged_plainly(ids, table)) << "round " << round;
  }
}

TEST(Merge, QueueIsOrderedByKeyThenPlace) {
  std::mt19937 random(11);
  MergeQueue queue;
  for (int round = 0; round < 200; ++round) {
    queue.clear();
    std::vector<std::pair<double, std::int32_t>> waiting;
    for (int step = 0; step < 500; ++step) {
      if (random() % 3 == 0 && !waiting.empty()) {
        const auto best = std::min_element(waiting.begin(), waiting.end());
        const MergeCandidate candidate = queue.pop();
        ASSERT_EQ(std::pair(candidate.merge.key, candidate.left), *best);
        waiting.erase(best);
      } else {
        const double key = static_cast<double>(random() % 100) - 50;
        const auto left = static_cast<std::int32_t>(random() % 1000);
        queue.push({{key, step}, left, 2});
        waiting.emplace_back(key, left);
      }
      ASSERT_EQ(queue.empty(), waiting.empty());
    }
  }
}

}  // namespace
}  // namespace llorch
