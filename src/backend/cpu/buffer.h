// Buffer: memory of the host backend, 64-byte aligned, taken once at load.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"

namespace llorch::cpu {

/// Owner of `size` bytes whose content is unspecified at first. Large ones ask for huge pages, which are touched (and
/// so taken from the machine) only when they are written.
class Buffer {
 public:
  /// ErrorCode::out_of_memory names `what` and the size.
  static Result<Buffer> make(std::size_t size, std::string_view what);
  std::span<std::byte> bytes() const { return {bytes_.get(), size_}; }
  float* floats() const { return reinterpret_cast<float*>(bytes_.get()); }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<std::byte, Free> bytes_;
  std::size_t size_ = 0;
};

}  // namespace llorch::cpu
