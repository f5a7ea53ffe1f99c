// The emulated multiprocessor: runs a kernel's blocks one after the other, a block's threads as fibers of the calling
// thread. A fiber runs until it waits for others, at a barrier or in a collective of its warp or warpgroup; the last to
// arrive computes what the collective gives, for all. Between such meetings threads run whole, in an order that a seed
// chooses (the environment's LLORCH_EMULATOR_SEED, a number): order of blocks, of warps, how long a warp goes on before
// another's turn, order of lanes. So results that depend on the order differ from seed to seed.
//
// What is wrong ends the process with kStopped and a message that names kernel, block and threads: a barrier that not
// all threads reach, lanes that ended while others wait for them, threads at different places of one barrier.
//
// Not emulated: threads that spin on memory which another writes; times.
//
// Not seen: a barrier that is missing where a collective stands in for it, since all of its threads have come so far
// when any goes on (the lanes of a warp; the warpgroup whose products happen when all of it wait); static shared memory
// that a block reads before it writes, which holds what the block before left, and its size; an early read of what the
// kernel in front writes; stores to shared memory, other than copies, that a product reads without fence.proxy.async;
// asynchronous copies that nobody has waited for when a thread ends; registers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>
#include <string>

#include "gpu/emulator/include/vector_types.h"

namespace llorch::emulator {

inline constexpr int kWarpLanes = 32;
inline constexpr int kGroupThreads = 128;  // of a warpgroup
inline constexpr int kMostThreads = 1024;  // of a block
inline constexpr int kStopped = 3;         // exit code

struct Launch {
  const void* kernel = nullptr;
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;
  std::function<void()> body;  // what each thread calls
};

/// Runs all blocks. Launches of different host threads wait for each other.
void run(const Launch& launch);

/// Where a thread waits, for messages. A name is a string constant.
struct Meeting {
  const char* name = "";
  std::source_location at;
};

/// Computes for all who met, and says which collective it is: those with the same function meet. operands[i] is what
/// lane (or thread of a warpgroup) i brought, and not to be touched where bit i of `lanes` is 0.
using Compute = void (*)(void* const* operands, std::uint32_t lanes);

/// The calling thread waits for all lanes of `lanes`, its own among them, in the same collective with the same lanes.
void meet_warp(const Meeting& meeting, std::uint32_t lanes, void* operand, Compute compute);
/// Waits for the four warps of its warpgroup.
void meet_warpgroup(const Meeting& meeting, void* operand, Compute compute);
/// Waits for all threads of the block, at the same place of the source.
void meet_block(const Meeting& meeting);

/// The calling thread's number in its block.
extern int running_thread;
inline int thread_number() {
  return running_thread;
}
/// Whether what may happen early or late, as others cannot see it yet, happens early now. Never with seed 0.
bool takes_early();

/// Ends the process with a message, of the kernel that runs if one does.
[[noreturn]] void stop(const std::string& what);

}  // namespace llorch::emulator
