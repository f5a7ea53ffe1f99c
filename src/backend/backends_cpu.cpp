#include <array>

#include "backend/registry.h"

namespace llorch {

std::span<const BackendEntry> compiled_backends() {
  static const std::array kEntries{cpu::entry()};
  return kEntries;
}

}  // namespace llorch
