// Fuzz target: any bytes as a GGUF file, then every key printed and every tensor read.
#include <cstddef>
#include <cstdint>

#include "checkpoint/checkpoint.h"
#include "support/promises.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto checkpoint = llorch::parse_gguf({reinterpret_cast<const std::byte*>(data), size}, "fuzz.gguf");
  if (!checkpoint.ok()) {
    llorch::testing::check_error(checkpoint.error(), "fuzz.gguf: ");
    return 0;
  }
  for (const auto& [key, value] : checkpoint->metadata.all()) {
    static_cast<void>(llorch::to_string(value));
    static_cast<void>(checkpoint->metadata.integer(key));
    static_cast<void>(checkpoint->metadata.numbers(key));
  }
  for (const auto& [name, tensor] : checkpoint->tensors) {
    llorch::testing::decode_ends(tensor);
  }
  return 0;
}
