// Stands in for CUDA when no toolkit was found at build time.
#include "backend/registry.h"

namespace llorch::cuda {
namespace {

constexpr const char* kWhyNot = "not compiled in: no CUDA toolkit was found when this program was built";

std::vector<DeviceInfo> list() {
  return {{"cuda:0", "NVIDIA GPU", false, kWhyNot}};
}

Result<std::unique_ptr<Backend>> create(const std::string& device, const BackendOptions& /*options*/) {
  return Error{ErrorCode::device, "device '" + device + "': " + kWhyNot};
}

}  // namespace

BackendEntry entry() {
  return {.list = list, .owns = [](std::string_view device) { return device.starts_with("cuda"); }, .create = create};
}

}  // namespace llorch::cuda
