// The device blas: the best host table with cblas products for prompts.
#include "backend/cpu/host_backend.h"
#include "backend/cpu/tables.h"
#include "backend/registry.h"
#include "base/format.h"

namespace llorch::blas {
namespace {

std::vector<DeviceInfo> list() {
  return {{"blas", fmt::format("{}; in front of {}", description(), cpu::best_table().device), available(),
           available() ? "" : description()}};
}

Result<std::unique_ptr<Backend>> create(const std::string& device, const BackendOptions& options) {
  if (!available()) {
    return errorf(ErrorCode::device, "device '{}': {}", device, description());
  }
  return std::unique_ptr<Backend>(
      std::make_unique<cpu::HostBackend>(ops(cpu::make_ops(cpu::best_table())), device, options));
}

}  // namespace

BackendEntry entry() {
  return {.list = list, .owns = [](std::string_view device) { return device == "blas"; }, .create = create};
}

}  // namespace llorch::blas
