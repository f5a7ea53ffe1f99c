// DeviceMemory: one allocation on the device, and its parts.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "backend/cuda/driver.h"

namespace llorch::cuda {

/// Memory that goes back to the driver with its owner. Pinned: on the host, for copies.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  static Result<DeviceMemory> make(Driver& driver, std::size_t bytes);
  static Result<DeviceMemory> make_pinned(Driver& driver, std::size_t bytes);
  DeviceMemory(DeviceMemory&& other) noexcept { swap(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    DeviceMemory(std::move(other)).swap(*this);
    return *this;
  }
  ~DeviceMemory();

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  void swap(DeviceMemory& other) {
    std::swap(driver_, other.driver_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(pinned_, other.pinned_);
  }

  Driver* driver_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  bool pinned_ = false;
};

inline constexpr std::size_t kDeviceAlign = 256;
constexpr std::size_t device_aligned(std::size_t bytes) {
  return (bytes + kDeviceAlign - 1) / kDeviceAlign * kDeviceAlign;
}

/// Hands out the parts of one allocation, each at a multiple of kDeviceAlign.
class Cutter {
 public:
  explicit Cutter(std::byte* data) : at_(data) {}
  template <class T>
  T* take(std::size_t n) {
    auto* part = reinterpret_cast<T*>(at_);
    at_ += device_aligned(n * sizeof(T));
    return part;
  }

 private:
  std::byte* at_;
};

}  // namespace llorch::cuda
