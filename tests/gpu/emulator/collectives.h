// What lanes of a warp tell each other: shuffles and votes.
#pragma once

#include <cstdint>
#include <source_location>

namespace llorch::emulator {

/// All of `lanes` wait for each other.
void sync_warp(std::uint32_t lanes, const std::source_location& at);
/// Each lane's value becomes that of the lane it names, which must be one of `lanes`.
std::uint64_t shuffle(std::uint32_t lanes, std::uint64_t value, int from_lane, const std::source_location& at);
/// The lanes whose value is true.
std::uint32_t vote(std::uint32_t lanes, bool value, const std::source_location& at);

}  // namespace llorch::emulator
