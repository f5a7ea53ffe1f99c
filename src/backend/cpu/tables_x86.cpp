#include <array>

#include "backend/cpu/tables.h"

namespace llorch::cpu {

std::span<const HostTable> host_tables() {
  static constexpr std::array kTables{
      HostTable{"cpu:avx512", "AVX-512 F, BW, DQ and VL", avx512::available, avx512::ops},
      HostTable{"cpu:avx2", "AVX2, FMA and F16C", avx2::available, avx2::ops},
      HostTable{"ref", "any processor", [] { return true; }, [](const OpTable& base) { return base; }},
  };
  return kTables;
}

}  // namespace llorch::cpu
