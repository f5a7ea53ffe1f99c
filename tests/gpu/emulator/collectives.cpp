#include "gpu/emulator/collectives.h"

#include <string>

#include "gpu/emulator/machine.h"

namespace llorch::emulator {
namespace {

struct Shuffle {
  std::uint64_t value;
  int from;
  std::uint64_t result;
};
struct Vote {
  bool value;
  std::uint32_t result;
};

template <class Fn>
void each_lane(std::uint32_t lanes, Fn fn) {
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    if ((lanes >> lane & 1U) != 0) {
      fn(lane);
    }
  }
}

void only_meet(void* const* /*operands*/, std::uint32_t /*lanes*/) {}

void give_values(void* const* operands, std::uint32_t lanes) {
  each_lane(lanes, [&](int lane) {
    auto& own = *static_cast<Shuffle*>(operands[lane]);
    if ((lanes >> own.from & 1U) == 0) {
      stop("lane " + std::to_string(lane) + " shuffles from lane " + std::to_string(own.from) +
           ", which takes no part");
    }
    own.result = static_cast<const Shuffle*>(operands[own.from])->value;
  });
}

void count_votes(void* const* operands, std::uint32_t lanes) {
  std::uint32_t votes = 0;
  each_lane(lanes, [&](int lane) { votes |= static_cast<const Vote*>(operands[lane])->value ? 1U << lane : 0U; });
  each_lane(lanes, [&](int lane) { static_cast<Vote*>(operands[lane])->result = votes; });
}

}  // namespace

void sync_warp(std::uint32_t lanes, const std::source_location& at) {
  meet_warp({"__syncwarp", at}, lanes, nullptr, only_meet);
}

std::uint64_t shuffle(std::uint32_t lanes, std::uint64_t value, int from_lane, const std::source_location& at) {
  Shuffle own{value, from_lane, 0};
  meet_warp({"a shuffle", at}, lanes, &own, give_values);
  return own.result;
}

std::uint32_t vote(std::uint32_t lanes, bool value, const std::source_location& at) {
  Vote own{value, 0};
  meet_warp({"a vote", at}, lanes, &own, count_votes);
  return own.result;
}

}  // namespace llorch::emulator
