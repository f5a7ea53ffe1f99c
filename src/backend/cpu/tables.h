// The op tables of this processor, best first: which instruction sets it has is asked once, here.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "backend/ops.h"

namespace llorch::cpu {

struct HostTable {
  std::string_view device;  // "cpu:avx512"
  std::string_view needs;   // "AVX-512 F, BW, DQ and VL"
  bool (*available)() = nullptr;
  OpTable (*ops)(const OpTable& base) = nullptr;
};

/// Tables of this build, best first; the last is the reference, which runs everywhere. The list of instruction sets.
std::span<const HostTable> host_tables();

/// The first one that is available.
const HostTable& best_table();

/// The table's ops, on top of the reference.
OpTable make_ops(const HostTable& table);

/// "Intel(R) Xeon(R) Processor", or the architecture where the system does not tell.
std::string processor_name();

}  // namespace llorch::cpu
