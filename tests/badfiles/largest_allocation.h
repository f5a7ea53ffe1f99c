// The largest single allocation of this program: operator new is replaced to watch it.
#pragma once

#include <cstddef>

namespace llorch::testing {

/// Largest request since the last reset, in bytes.
std::size_t largest_allocation();
void reset_largest_allocation();

}  // namespace llorch::testing
