// GgufWriter: small GGUF images for tests, well-formed or wrong on purpose. It shares no code with the reader.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace llorch::testing {

/// The bytes of a number, little-endian.
template <class T>
std::string raw(T value) {
  static_assert(std::is_arithmetic_v<T>);
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

/// A GGUF string: length and bytes.
inline std::string raw_text(std::string_view text) {
  return raw(static_cast<std::uint64_t>(text.size())) + std::string(text);
}

class GgufWriter {
 public:
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;  // of the data; write the key general.alignment yourself

  /// A key of any type id, with the value's bytes as they will lie in the file.
  GgufWriter& key(std::string_view name, std::uint32_t type, const std::string& value) {
    keys_ += raw_text(name) + raw(type) + value;
    ++n_keys_;
    return *this;
  }
  GgufWriter& u16(std::string_view name, std::uint16_t value) { return key(name, 2, raw(value)); }
  GgufWriter& u32(std::string_view name, std::uint32_t value) { return key(name, 4, raw(value)); }
  GgufWriter& i32(std::string_view name, std::int32_t value) { return key(name, 5, raw(value)); }
  GgufWriter& text(std::string_view name, std::string_view value) { return key(name, 8, raw_text(value)); }
  GgufWriter& array(std::string_view name, std::uint32_t item_type, const std::vector<std::string>& items) {
    std::string value = raw(item_type) + raw(static_cast<std::uint64_t>(items.size()));
    for (const std::string& item : items) {
      value += item;
    }
    return key(name, 9, value);
  }
  /// A tensor placed after the others; `dims` in GGUF's order, fastest first.
  GgufWriter& tensor(std::string_view name, const std::vector<std::uint64_t>& dims, std::uint32_t type,
                     const std::string& data) {
    data_.resize((data_.size() + alignment - 1) / alignment * alignment, '\0');
    const std::uint64_t offset = data_.size();
    data_ += data;
    return tensor_at(name, dims, type, offset);
  }
  /// A tensor info that claims any offset.
  GgufWriter& tensor_at(std::string_view name, const std::vector<std::uint64_t>& dims, std::uint32_t type,
                        std::uint64_t offset) {
    infos_ += raw_text(name) + raw(static_cast<std::uint32_t>(dims.size()));
    for (const std::uint64_t dim : dims) {
      infos_ += raw(dim);
    }
    infos_ += raw(type) + raw(offset);
    ++n_tensors_;
    return *this;
  }

  std::string bytes() const {
    std::string file = "GGUF" + raw(version) + raw(n_tensors_) + raw(n_keys_) + keys_ + infos_;
    if (n_tensors_ > 0) {
      file.resize((file.size() + alignment - 1) / alignment * alignment, '\0');
    }
    return file + data_;
  }

 private:
  std::uint64_t n_keys_ = 0;
  std::uint64_t n_tensors_ = 0;
  std::string keys_, infos_, data_;
};

}  // namespace llorch::testing
