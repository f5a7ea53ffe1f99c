// Names of the ids that a GGUF file may hold, so that errors say "Q8_K (15)" and not "15".
#pragma once

#include <cstdint>
#include <string_view>

namespace llorch {

/// Types of metadata values.
enum class GgufType : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

/// Bytes of one value; 0 for strings, arrays and unknown types.
constexpr std::uint64_t gguf_size(GgufType type) {
  constexpr std::uint8_t kSizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  const auto index = static_cast<std::uint32_t>(type);
  return index < sizeof kSizes ? kSizes[index] : 0;
}

/// ggml's name of a tensor type, known or not to this build; empty when ggml has none either.
constexpr std::string_view ggml_type_name(std::uint32_t id) {
  constexpr std::string_view kNames[] = {
      "F32",   "F16",    "Q4_0",  "Q4_1", "",     "",        "Q5_0",   "Q5_1",    "Q8_0",  "Q8_1",   "Q2_K",
      "Q3_K",  "Q4_K",   "Q5_K",  "Q6_K", "Q8_K", "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S",
      "IQ2_S", "IQ4_XS", "I8",    "I16",  "I32",  "I64",     "F64",    "IQ1_M",   "BF16",  "",       "",
      "",      "TQ1_0",  "TQ2_0", "",     "",     "",        "MXFP4",  "NVFP4",   "Q1_0",  "Q2_0"};
  return id < sizeof kNames / sizeof kNames[0] ? kNames[id] : std::string_view();
}

}  // namespace llorch
