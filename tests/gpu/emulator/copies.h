// Asynchronous copies (cp.async): a thread's copies happen when it waits for their group, as late as they may, or at
// once, as early as they may: seeds choose for each copy, seed 0 always takes the latest. So a missing wait reads what
// was there before, and a copy to what is still being read is seen under some seeds.
#pragma once

namespace llorch::emulator {

/// 16 bytes, or zeros when not `there`. Ends the process where an address is no multiple of 16.
void copy(void* to, const void* from, bool there);
void commit_copies();
/// All but the thread's last n groups have arrived.
void wait_copies(int n);

/// Copies have arrived that products of the warpgroup are not yet told of (fence.proxy.async).
bool has_hidden_copies();
void show_copies();

/// For a new block of n threads.
void forget_copies(int n);

}  // namespace llorch::emulator
