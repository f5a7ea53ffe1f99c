// Fuzz target: the first byte picks a format, the rest are its blocks, at an odd address, in memory of exactly their
// size. What an encoder makes of the weights decodes as well.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "quant/formats.h"

namespace {

std::vector<float> decode(const llorch::Format& format, const std::byte* blocks, std::int64_t n_blocks) {
  std::vector<float> out(static_cast<std::size_t>(n_blocks * format.block_len));
  format.decode(blocks, out.data(), n_blocks);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const llorch::Format& format = llorch::formats()[data[0] % llorch::formats().size()];
  const auto n_blocks = static_cast<std::int64_t>(size - 1) / format.block_bytes;
  const auto n_bytes = static_cast<std::size_t>(llorch::bytes_of(format, n_blocks * format.block_len));
  std::vector<std::byte> shifted(n_bytes + 1);
  for (std::size_t i = 0; i < n_bytes; ++i) {
    shifted[i + 1] = static_cast<std::byte>(data[i + 1]);
  }
  const std::vector<float> weights = decode(format, shifted.data() + 1, n_blocks);
  if (format.encode != nullptr) {
    std::vector<std::byte> blocks(n_bytes);
    format.encode(weights.data(), blocks.data(), n_blocks);
    if (decode(format, blocks.data(), n_blocks).size() != weights.size()) {
      std::abort();
    }
  }
  return 0;
}
