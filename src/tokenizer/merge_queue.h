// MergeQueue: the candidates of merge_symbols(), best first: the lowest key, of equal keys the leftmost. Candidates of
// one key mostly come from left to right: these wait in a lane of that key, first in, first out, and a long run of one
// character costs no logarithm and no jump through memory. The others go to a heap.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace llorch {

struct Merge {
  double key = 0;  // lowest first; of equal keys the leftmost
  std::int32_t id = -1;
};

struct MergeCandidate {
  Merge merge;
  std::int32_t left = 0;     // index of the left symbol
  std::uint32_t length = 0;  // bytes of both together when the candidate was found: tells a stale one
};

class MergeQueue {
 public:
  void clear() {
    waiting_.clear();
    lanes_.clear();
    ready_.clear();
    heap_.clear();
    slots_.assign(kFirstSlots, kNone);
  }

  bool empty() const { return ready_.empty() && heap_.empty(); }

  void push(const MergeCandidate& candidate) {
    const std::uint32_t index = lane_of(candidate.merge.key);
    Lane& lane = lanes_[index];
    const bool was_empty = lane.head == kNone;
    if (!was_empty && waiting_[lane.tail].candidate.left > candidate.left) {
      heap_.push_back(candidate);
      std::push_heap(heap_.begin(), heap_.end(), Worse());
      return;
    }
    const auto item = static_cast<std::uint32_t>(waiting_.size());
    waiting_.push_back({candidate, kNone});
    (was_empty ? lane.head : waiting_[lane.tail].next) = item;
    lane.tail = item;
    if (was_empty) {
      ready_.push_back({lane.key, index});
      std::push_heap(ready_.begin(), ready_.end(), Later());
    }
  }

  /// The best one. The queue must not be empty.
  MergeCandidate pop() {
    if (!heap_.empty() && (ready_.empty() || Worse()(front_lane(), heap_.front()))) {
      std::pop_heap(heap_.begin(), heap_.end(), Worse());
      const MergeCandidate best = heap_.back();
      heap_.pop_back();
      return best;
    }
    const MergeCandidate best = front_lane();
    Lane& lane = lanes_[ready_.front().lane];
    lane.head = waiting_[lane.head].next;
    if (lane.head == kNone) {
      std::pop_heap(ready_.begin(), ready_.end(), Later());
      ready_.pop_back();
    }
    return best;
  }

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  static constexpr std::size_t kFirstSlots = 64;
  struct Waiting {
    MergeCandidate candidate;
    std::uint32_t next = kNone;  // index into waiting_
  };
  struct Lane {
    double key = 0;
    std::uint32_t head = kNone, tail = kNone;
  };
  struct Ready {
    double key = 0;
    std::uint32_t lane = 0;
  };
  struct Worse {
    bool operator()(const MergeCandidate& a, const MergeCandidate& b) const {
      return a.merge.key != b.merge.key ? a.merge.key > b.merge.key : a.left > b.left;
    }
  };
  struct Later {
    bool operator()(const Ready& a, const Ready& b) const { return a.key > b.key; }
  };

  const MergeCandidate& front_lane() const { return waiting_[lanes_[ready_.front().lane].head].candidate; }

  /// A slot of the hash table slots_: that of the key's lane, or a free one.
  std::uint32_t& slot_of(double key) {
    const auto bits = std::bit_cast<std::uint64_t>(key + 0.0);  // -0.0 is 0.0
    std::uint64_t hash = bits * 0x9E3779B97F4A7C15u;            // Fibonacci hashing
    hash ^= hash >> 32;
    for (std::size_t slot = hash;; ++slot) {
      std::uint32_t& lane = slots_[slot & (slots_.size() - 1)];
      if (lane == kNone || std::bit_cast<std::uint64_t>(lanes_[lane].key) == bits) {
        return lane;
      }
    }
  }

  std::uint32_t lane_of(double key) {
    std::uint32_t& slot = slot_of(key);
    if (slot != kNone) {
      return slot;
    }
    const auto lane = static_cast<std::uint32_t>(lanes_.size());
    slot = lane;
    lanes_.push_back({key + 0.0, kNone, kNone});
    if (lanes_.size() * 2 > slots_.size()) {
      slots_.assign(slots_.size() * 2, kNone);
      for (std::uint32_t i = 0; i <= lane; ++i) {
        slot_of(lanes_[i].key) = i;
      }
    }
    return lane;
  }

  std::vector<Waiting> waiting_;  // of all lanes, in the order of push()
  std::vector<Lane> lanes_;
  std::vector<Ready> ready_;  // a heap of the lanes that hold something
  std::vector<std::uint32_t> slots_;
  std::vector<MergeCandidate> heap_;  // those that came out of order
};

}  // namespace llorch
