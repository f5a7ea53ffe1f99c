// How much memory this process may have: the machine's, or what its control groups allow, whichever is lower.
#pragma once

#include <cstdint>

namespace llorch::cpu {

struct HostMemory {
  std::int64_t total_bytes = 0;
  std::int64_t free_bytes = 0;  // page cache that can be dropped counts as free
};

/// 0 where the system does not tell.
HostMemory host_memory();

}  // namespace llorch::cpu
