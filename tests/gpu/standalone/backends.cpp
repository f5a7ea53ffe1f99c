// The devices of the stand-alone gpucheck: the reference and CUDA.
#include <array>

#include "backend/registry.h"

namespace llorch {

std::span<const BackendEntry> compiled_backends() {
  static const std::array kEntries{cpu::entry(), cuda::entry()};
  return kEntries;
}

}  // namespace llorch
