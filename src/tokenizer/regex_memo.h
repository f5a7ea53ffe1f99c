// RegexMemo: what is known of (instruction, position) pairs, so that none is tried twice in vain. Bits in blocks of
// positions, made when they are first written. Private to regex_match.cpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace llorch {

class RegexMemo {
 public:
  /// `n_rows` bits for each position of a text of `n_positions`.
  void reset(std::size_t n_rows, std::size_t n_positions) {
    n_rows_ = n_rows;
    slot_of_.assign((n_positions >> kShift) + 1, 0);
    words_.clear();
    free_.clear();
    first_ = 0;
    words_of_block_ = n_rows * (kBlock / 64);
  }
  bool get(std::size_t row, std::size_t position) const {
    const std::uint32_t slot = slot_of_[position >> kShift];
    return slot != 0 && (words_[word(slot, row, position)] >> (position & 63) & 1) != 0;
  }
  void set(std::size_t row, std::size_t position) {
    std::uint32_t& slot = slot_of_[position >> kShift];
    if (slot == 0) {
      slot = take_block();
    }
    words_[word(slot, row, position)] |= std::uint64_t{1} << (position & 63);
  }
  void clear(std::size_t row, std::size_t position) {
    const std::uint32_t slot = slot_of_[position >> kShift];
    if (slot != 0) {
      words_[word(slot, row, position)] &= ~(std::uint64_t{1} << (position & 63));
    }
  }
  /// Nothing before `position` will be asked for again (or be no loss): its memory is used anew.
  void forget_before(std::size_t position) {
    for (; first_ < position >> kShift; ++first_) {
      if (slot_of_[first_] != 0) {
        free_.push_back(slot_of_[first_]);
        slot_of_[first_] = 0;
      }
    }
  }
  std::size_t size_bytes() const { return words_.size() * sizeof(words_[0]); }

 private:
  static constexpr int kShift = 8;
  static constexpr std::size_t kBlock = std::size_t{1} << kShift;  // positions

  std::size_t word(std::uint32_t slot, std::size_t row, std::size_t position) const {
    return (slot - 1) * words_of_block_ + row * (kBlock / 64) + ((position & (kBlock - 1)) >> 6);
  }
  std::uint32_t take_block() {
    if (!free_.empty()) {
      const std::uint32_t slot = free_.back();
      free_.pop_back();
      const auto begin = words_.begin() + static_cast<std::ptrdiff_t>((slot - 1) * words_of_block_);
      std::fill(begin, begin + static_cast<std::ptrdiff_t>(words_of_block_), 0);
      return slot;
    }
    words_.resize(words_.size() + words_of_block_);
    return static_cast<std::uint32_t>(words_.size() / words_of_block_);
  }

  std::size_t n_rows_ = 0;
  std::size_t words_of_block_ = 0;
  std::size_t first_ = 0;
  std::vector<std::uint32_t> slot_of_;  // 1 + place of the block in words_; 0: nothing known
  std::vector<std::uint64_t> words_;
  std::vector<std::uint32_t> free_;
};

}  // namespace llorch
