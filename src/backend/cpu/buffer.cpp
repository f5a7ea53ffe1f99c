#include "backend/cpu/buffer.h"

#include <sys/mman.h>

#include "base/format.h"

namespace llorch::cpu {

Result<Buffer> Buffer::make(std::size_t size, std::string_view what) {
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const std::size_t align = size >= 2 * kHugePage ? kHugePage : kLine;
  Buffer buffer;
  buffer.size_ = size;
  const std::size_t rounded = (size + align - 1) / align * align;
  buffer.bytes_.reset(static_cast<std::byte*>(rounded < size ? nullptr : std::aligned_alloc(align, rounded + align)));
  if (buffer.bytes_ == nullptr) {
    return errorf(ErrorCode::out_of_memory, "{} needs {} bytes, which the system does not give", what, size);
  }
#if defined(MADV_HUGEPAGE)
  if (align == kHugePage) {
    ::madvise(buffer.bytes_.get(), rounded, MADV_HUGEPAGE);  // advice: no matter if it is not taken
  }
#endif
  return buffer;
}

}  // namespace llorch::cpu
