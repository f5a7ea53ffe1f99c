// Fuzz target: any bytes as a .safetensors file; the same bytes as a config.json.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/config_json.h"
#include "checkpoint/safetensors.h"
#include "support/promises.h"

namespace {

void read_config(std::string_view text) {
  std::vector<std::shared_ptr<const std::string>> strings;
  const auto metadata = llorch::flatten_config(text, "config.json", strings);
  if (!metadata.ok()) {
    llorch::testing::check_error(metadata.error(), "config.json: ");
    return;
  }
  for (const auto& [key, value] : metadata->all()) {
    static_cast<void>(llorch::to_string(value));
    static_cast<void>(metadata->strings(key));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto tensors = llorch::parse_safetensors({reinterpret_cast<const std::byte*>(data), size}, "fuzz.safetensors");
  if (tensors.ok()) {
    for (const llorch::Tensor& tensor : *tensors) {
      llorch::testing::decode_ends(tensor);
    }
  } else {
    llorch::testing::check_error(tensors.error(), "fuzz.safetensors: ");
  }
  read_config({reinterpret_cast<const char*>(data), size});
  return 0;
}
