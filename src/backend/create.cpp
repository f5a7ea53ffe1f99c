// create_backend and list_devices over the devices that were compiled in (registry.h).
#include <fmt/format.h>

#include "backend/registry.h"
#include "base/format.h"

namespace llorch {

std::vector<DeviceInfo> list_devices() {
  std::vector<DeviceInfo> all;
  for (const BackendEntry& entry : compiled_backends()) {
    for (DeviceInfo& device : entry.list()) {
      all.push_back(std::move(device));
    }
  }
  return all;
}

namespace {

/// Null: no program that was built in has this device.
const BackendEntry* owner_of(const std::string& device) {
  for (const BackendEntry& entry : compiled_backends()) {
    if (entry.owns(device)) {
      return &entry;
    }
  }
  return nullptr;
}

Error unknown_device(const std::string& device) {
  std::vector<std::string> known;
  for (const DeviceInfo& info : list_devices()) {
    known.push_back(info.name);
  }
  return errorf(ErrorCode::invalid_argument, "unknown device '{}'; this program knows {}", device,
                fmt::join(known, ", "));
}

}  // namespace

Status check_device_name(const std::string& device) {
  return owner_of(device) != nullptr ? Status() : unknown_device(device);
}

Result<std::unique_ptr<Backend>> create_backend(const std::string& device, const BackendOptions& options) {
  if (options.n_threads < 0 || options.n_threads > 4096) {
    return errorf(ErrorCode::invalid_argument, "{} threads; between 0 (all cores) and 4096 can be asked for",
                  options.n_threads);
  }
  const BackendEntry* owner = owner_of(device);
  if (owner == nullptr) {
    return unknown_device(device);
  }
  return owner->create(device, options);
}

}  // namespace llorch
