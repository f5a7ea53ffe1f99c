// GgufHeader: what a GGUF file says before its tensors' data: keys with their types, and where each tensor will lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_types.h"
#include "quant/formats.h"

namespace llorch {

/// A key as it lies in a file: `value` is the value's type and its bytes.
struct GgufKey {
  std::string name;
  std::string value;
};

class GgufHeader {
 public:
  static constexpr std::uint64_t kAlignment = 32;  // of each tensor's data

  // Each sets a key; one that is there keeps its place and gets the new value.
  void text(std::string_view key, std::string_view value);
  void u32(std::string_view key, std::uint32_t value);
  void f32(std::string_view key, float value);
  void boolean(std::string_view key, bool value);
  void texts(std::string_view key, std::span<const std::string_view> values);
  void i32s(std::string_view key, std::span<const std::int32_t> values);
  void f32s(std::string_view key, std::span<const float> values);
  void booleans(std::string_view key, const std::vector<bool>& values);
  void raw(GgufKey key);

  bool has(std::string_view key) const { return find(key) != keys_.end(); }

  /// Adds a tensor behind those before it; `shape` as in Tensor.
  void tensor(std::string_view name, DType type, const std::vector<std::int64_t>& shape);
  std::size_t n_tensors() const { return sizes_.size(); }
  /// Bytes of the data of tensor `index`, without the zeros that follow it.
  std::uint64_t tensor_bytes(std::size_t index) const { return sizes_[index]; }
  /// Bytes of all data with the zeros between.
  std::uint64_t data_bytes() const { return data_bytes_; }

  /// The file up to its data.
  std::string bytes() const;

 private:
  void set(std::string_view key, GgufType type, std::string value);
  std::vector<GgufKey>::const_iterator find(std::string_view key) const;

  std::vector<GgufKey> keys_;
  std::string tensors_;  // the infos as they lie in the file
  std::vector<std::uint64_t> sizes_;
  std::uint64_t data_bytes_ = 0;
};

/// The keys of the GGUF image `bytes` in their order, types kept. `name` stands for the path in errors.
Result<std::vector<GgufKey>> gguf_keys(std::span<const std::byte> bytes, const std::string& name);

}  // namespace llorch
