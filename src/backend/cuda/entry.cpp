// The devices cuda:0, cuda:1, ...
#include <charconv>
#include <optional>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/device.h"
#include "backend/registry.h"
#include "base/format.h"

namespace llorch::cuda {
namespace {

/// N of "cuda:N"; nothing when it is no number.
std::optional<int> index_of(std::string_view device) {
  device.remove_prefix(std::min(device.size(), std::string_view("cuda:").size()));
  int index = 0;
  const auto [end, error] = std::from_chars(device.data(), device.data() + device.size(), index);
  return error == std::errc() && end == device.data() + device.size() && index >= 0 ? std::optional(index)
                                                                                    : std::nullopt;
}

std::string describe(const CudaDeviceInfo& info) {
  return fmt::format("{}, compute capability {}.{}, {} bytes of memory, driver CUDA {}.{}, runtime {}.{}", info.name,
                     info.major, info.minor, info.total_bytes, info.driver / 1000, info.driver % 1000 / 10,
                     info.runtime / 1000, info.runtime % 1000 / 10);
}

/// Why this device cannot run the kernels; empty when it can.
std::string why_not(const CudaDeviceInfo& info) {
  constexpr std::int64_t kSharedBytes = 168'960;  // of the largest block, attention with heads of 256 channels
  return info.shared_bytes >= kSharedBytes
             ? ""
             : fmt::format("{} has {} bytes of shared memory for a block, the kernels need {}", info.name,
                           info.shared_bytes, kSharedBytes);
}

std::vector<DeviceInfo> list() {
  const Result<int> n = device_count();
  if (!n.ok()) {
    return {{"cuda:0", "NVIDIA GPU", false, n.error().message}};
  }
  std::vector<DeviceInfo> devices;
  for (int i = 0; i < *n; ++i) {
    const Result<CudaDeviceInfo> info = open_device(i);
    const std::string reason = info.ok() ? why_not(*info) : info.error().message;
    devices.push_back({fmt::format("cuda:{}", i), info.ok() ? describe(*info) : "NVIDIA GPU", reason.empty(), reason});
  }
  return devices;
}

Result<std::unique_ptr<Backend>> create(const std::string& device, const BackendOptions& options) {
  const std::optional<int> index = index_of(device);
  if (!index) {
    return errorf(ErrorCode::invalid_argument, "device '{}' is spelled cuda:N, as in cuda:0", device);
  }
  const auto name_device = [&device](const Error& error) {
    return errorf(error.code, "device '{}': {}", device, error.message);
  };
  const auto info = open_device(*index);
  if (!info.ok()) {
    return name_device(info.error());
  }
  if (const std::string reason = why_not(*info); !reason.empty()) {
    return name_device({ErrorCode::device, reason});
  }
  if (const Status status = verify_device(*index); !status.ok()) {
    return name_device(status.error());
  }
  return std::unique_ptr<Backend>(
      std::make_unique<CudaBackend>(runtime_driver(*index), device_kernels(), device, options, verify_device, *index));
}

}  // namespace

BackendEntry entry() {
  return {.list = list, .owns = [](std::string_view device) { return device.starts_with("cuda"); }, .create = create};
}

}  // namespace llorch::cuda
