#include "model/finite.h"

#include <algorithm>
#include <cstring>

#include "base/format.h"
#include "checkpoint/printable.h"

namespace llorch {
namespace {

/// Branch-free over a run of plain floats, so that the compiler makes vectors of it.
template <class Bits>
bool any_not_finite(const std::byte* data, std::int64_t n, Bits exponent) {
  unsigned found = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    Bits bits;
    std::memcpy(&bits, data + i * static_cast<std::int64_t>(sizeof(Bits)), sizeof(Bits));
    found |= static_cast<unsigned>((bits & exponent) == exponent);
  }
  return found != 0;
}

bool not_finite(const std::byte* at, const FloatField& field) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, at, static_cast<std::size_t>(field.width_bytes));  // little-endian hosts
  return (bits & field.exponent) == field.exponent;
}

bool run_is_finite(const std::byte* data, std::int64_t n_bytes, const FloatField& field) {
  switch (field.width_bytes) {
    case 4:
      return !any_not_finite<std::uint32_t>(data, n_bytes / 4, field.exponent);
    case 2:
      return !any_not_finite<std::uint16_t>(data, n_bytes / 2, static_cast<std::uint16_t>(field.exponent));
    default:
      return !any_not_finite<std::uint8_t>(data, n_bytes, static_cast<std::uint8_t>(field.exponent));
  }
}

}  // namespace

std::int64_t first_not_finite(const Tensor& tensor, std::int64_t begin, std::int64_t end) {
  const Format& format = format_of(tensor.type);
  if (format.float_fields.empty()) {
    return -1;
  }
  const std::byte* data = tensor.data.data();
  constexpr std::int64_t kRun = 1 << 16;
  for (std::int64_t run = begin; run < end; run += kRun * format.block_bytes) {
    const std::int64_t run_end = std::min(end, run + kRun * format.block_bytes);
    if (format.block_len == 1 && run_is_finite(data + run, run_end - run, format.float_fields.front())) {
      continue;
    }
    for (std::int64_t block = run; block < run_end; block += format.block_bytes) {
      for (const FloatField& field : format.float_fields) {
        if (not_finite(data + block + field.offset, field)) {
          return block + field.offset;
        }
      }
    }
  }
  return -1;
}

Error not_finite_error(const Tensor& tensor, std::int64_t offset) {
  return errorf(ErrorCode::model_file, "{}: tensor {} holds a value that is NaN or infinite at offset {}", tensor.file,
                printable(tensor.name), tensor.file_offset + static_cast<std::uint64_t>(offset));
}

}  // namespace llorch
