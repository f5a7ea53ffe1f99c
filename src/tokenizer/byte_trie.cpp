// ByteTrie, made level by level from sorted keys: the keys below a node are a range of them.
#include "tokenizer/byte_trie.h"

#include <algorithm>

namespace llorch {

ByteTrie::ByteTrie(std::vector<Key> keys) : nodes_(1) {
  std::stable_sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) { return a.first < b.first; });
  struct Range {
    std::size_t begin;
    std::size_t end;
    std::size_t depth;
  };
  std::vector<Range> ranges = {{0, keys.size(), 0}};  // of node i
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    auto [at, end, depth] = ranges[node];
    for (; at < end && keys[at].first.size() == depth; ++at) {
      nodes_[node].value = depth > 0 ? keys[at].second : -1;
    }
    nodes_[node].first = static_cast<std::uint32_t>(nodes_.size());
    while (at < end) {
      const char label = keys[at].first[depth];
      std::size_t next = at;
      while (next < end && keys[next].first[depth] == label) {
        ++next;
      }
      nodes_.push_back({0, -1, 0, static_cast<std::uint8_t>(label)});
      ranges.push_back({at, next, depth + 1});
      ++nodes_[node].n_children;
      at = next;
    }
  }
  for (std::uint32_t i = 0; i < nodes_[0].n_children; ++i) {
    roots_[nodes_[nodes_[0].first + i].label] = nodes_[0].first + i;
  }
}

std::uint32_t ByteTrie::child(std::uint32_t node, std::uint8_t label) const {
  if (node == 0) {
    return roots_[label];
  }
  const auto begin = nodes_.begin() + nodes_[node].first;
  const auto end = begin + nodes_[node].n_children;
  const auto found = std::lower_bound(begin, end, label, [](const Node& n, std::uint8_t x) { return n.label < x; });
  return found != end && found->label == label ? static_cast<std::uint32_t>(found - nodes_.begin()) : 0;
}

}  // namespace llorch
