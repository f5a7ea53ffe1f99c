// Registry: the devices that were compiled into a program. Each program links exactly one of the libraries
// llorch_backends_cpu, _accelerate, _cuda and _all, whose source (backends_X.cpp) is that list.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/backend.h"

namespace llorch {

/// A family of devices: "cpu", "cpu:avx2", ... or "cuda:0", "cuda:1", ...
struct BackendEntry {
  /// The devices of this family, usable here or not.
  std::vector<DeviceInfo> (*list)() = nullptr;
  /// True when `device` is spelled as one of this family's, whether or not it exists here.
  bool (*owns)(std::string_view device) = nullptr;
  Result<std::unique_ptr<Backend>> (*create)(const std::string& device, const BackendOptions& options) = nullptr;
};

/// Defined by the one backends_X.cpp that the program links.
std::span<const BackendEntry> compiled_backends();

namespace cpu {
BackendEntry entry();  // ref, cpu, cpu:avx2, cpu:avx512
}
namespace blas {
BackendEntry entry();  // blas
}
namespace cuda {
BackendEntry entry();  // cuda:N; without a toolkit cuda/absent.cpp, which says so
}

}  // namespace llorch
