// Products of warpgroups (wgmma): they happen when the warpgroup waits for their group, as late as they may. What reads
// their sums before sees old ones, and operands in shared memory that were overwritten before give other products.
#pragma once

#include <source_location>

#include "gpu/emulator/matrix_units.h"

namespace llorch::emulator {

/// wgmma.fence: needed before products that follow the use of their sums.
void begin_products();
/// wgmma.mma_async
void add_product(const GroupProduct& product);
void commit_products();
/// All but the last n groups of the warpgroup's products have ended.
void wait_products(int n, const std::source_location& at);

/// For a new block of n threads.
void forget_products(int n);
/// Ends the process when a thread has products that it did not wait for.
void check_products_ended(int thread);

}  // namespace llorch::emulator
