#include "backend/cuda/memory.h"

#include <algorithm>

namespace llorch::cuda {

Result<DeviceMemory> DeviceMemory::make(Driver& driver, std::size_t bytes) {
  DeviceMemory memory;
  LL_ASSIGN(void* data, driver.allocate(std::max(bytes, kDeviceAlign)));
  memory.driver_ = &driver;
  memory.data_ = static_cast<std::byte*>(data);
  memory.size_ = bytes;
  return memory;
}

Result<DeviceMemory> DeviceMemory::make_pinned(Driver& driver, std::size_t bytes) {
  DeviceMemory memory;
  LL_ASSIGN(void* data, driver.allocate_pinned(std::max(bytes, kDeviceAlign)));
  memory.driver_ = &driver;
  memory.data_ = static_cast<std::byte*>(data);
  memory.size_ = bytes;
  memory.pinned_ = true;
  return memory;
}

DeviceMemory::~DeviceMemory() {
  if (data_ == nullptr) {
    return;
  }
  if (pinned_) {
    driver_->release_pinned(data_);
  } else {
    driver_->release(data_);
  }
}

}  // namespace llorch::cuda
