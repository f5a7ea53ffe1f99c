// Stands in for blas when no cblas was found at build time.
#include "backend/ops.h"
#include "backend/registry.h"

namespace llorch::blas {
namespace {

constexpr const char* kWhyNot = "not compiled in: no cblas library was found when this program was built";

std::vector<DeviceInfo> list() {
  return {{"blas", "cblas in front of the cpu kernels", false, kWhyNot}};
}

Result<std::unique_ptr<Backend>> create(const std::string& device, const BackendOptions& /*options*/) {
  return Error{ErrorCode::device, "device '" + device + "': " + kWhyNot};
}

}  // namespace

bool available() {
  return false;
}

const char* description() {
  return kWhyNot;
}

OpTable ops(const OpTable& base) {
  return base;
}

BackendEntry entry() {
  return {.list = list, .owns = [](std::string_view device) { return device == "blas"; }, .create = create};
}

}  // namespace llorch::blas
