// Processors for which there is no table yet: the reference alone.
#include <array>

#include "backend/cpu/tables.h"

namespace llorch::cpu {

std::span<const HostTable> host_tables() {
  static constexpr std::array kTables{
      HostTable{"ref", "any processor", [] { return true; }, [](const OpTable& base) { return base; }},
  };
  return kTables;
}

}  // namespace llorch::cpu
