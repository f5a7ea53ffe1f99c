// ByteTrie: all the keys that a text begins with, in one walk. Part of models that look for pieces in text.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace llorch {

class ByteTrie {
 public:
  using Key = std::pair<std::string_view, std::int32_t>;
  /// Keys and their values (from 0), in any order; of equal keys the last one counts, empty ones do not.
  explicit ByteTrie(std::vector<Key> keys = {});

  /// Calls fn(length, value) for every key at the start of `text`, the shortest first.
  template <class Fn>
  void for_each_prefix(std::string_view text, const Fn& fn) const {
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      node = child(node, static_cast<unsigned char>(text[i]));
      if (node == 0) {
        return;
      }
      if (nodes_[node].value >= 0) {
        fn(i + 1, nodes_[node].value);
      }
    }
  }

 private:
  struct Node {
    std::uint32_t first = 0;  // children lie together, ordered by label
    std::int32_t value = -1;
    std::uint16_t n_children = 0;
    std::uint8_t label = 0;
  };
  /// 0: there is none.
  std::uint32_t child(std::uint32_t node, std::uint8_t label) const;

  std::vector<Node> nodes_;
  std::array<std::uint32_t, 256> roots_{};
};

}  // namespace llorch
