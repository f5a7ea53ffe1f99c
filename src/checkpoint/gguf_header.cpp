// GgufHeader: bytes of a GGUF file, version 3, little-endian. The reader of the same format is gguf.cpp.
#include "checkpoint/gguf_header.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace llorch {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::uint32_t kVersion = 3;

template <class T>
void put(std::string& out, T value) {
  static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  out.append(raw, sizeof(T));
}

void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint64_t>(text.size()));
  out.append(text);
}

/// An array's item type and length; the items follow.
std::string array_of(GgufType type, std::size_t n) {
  std::string value;
  put(value, type);
  put(value, static_cast<std::uint64_t>(n));
  return value;
}

std::uint64_t aligned(std::uint64_t bytes) {
  return (bytes + GgufHeader::kAlignment - 1) / GgufHeader::kAlignment * GgufHeader::kAlignment;
}

}  // namespace

std::vector<GgufKey>::const_iterator GgufHeader::find(std::string_view key) const {
  return std::find_if(keys_.begin(), keys_.end(), [key](const GgufKey& each) { return each.name == key; });
}

void GgufHeader::raw(GgufKey key) {
  if (const auto at = find(key.name); at != keys_.end()) {
    keys_[static_cast<std::size_t>(at - keys_.begin())].value = std::move(key.value);
  } else {
    keys_.push_back(std::move(key));
  }
}

void GgufHeader::set(std::string_view key, GgufType type, std::string value) {
  std::string typed;
  put(typed, type);
  raw({std::string(key), typed + value});
}

void GgufHeader::text(std::string_view key, std::string_view value) {
  std::string bytes;
  put_text(bytes, value);
  set(key, GgufType::string, std::move(bytes));
}

void GgufHeader::u32(std::string_view key, std::uint32_t value) {
  std::string bytes;
  put(bytes, value);
  set(key, GgufType::u32, std::move(bytes));
}

void GgufHeader::f32(std::string_view key, float value) {
  std::string bytes;
  put(bytes, value);
  set(key, GgufType::f32, std::move(bytes));
}

void GgufHeader::boolean(std::string_view key, bool value) {
  set(key, GgufType::boolean, std::string(1, value ? '\1' : '\0'));
}

void GgufHeader::texts(std::string_view key, std::span<const std::string_view> values) {
  std::string bytes = array_of(GgufType::string, values.size());
  for (const std::string_view value : values) {
    put_text(bytes, value);
  }
  set(key, GgufType::array, std::move(bytes));
}

void GgufHeader::i32s(std::string_view key, std::span<const std::int32_t> values) {
  std::string bytes = array_of(GgufType::i32, values.size());
  for (const std::int32_t value : values) {
    put(bytes, value);
  }
  set(key, GgufType::array, std::move(bytes));
}

void GgufHeader::f32s(std::string_view key, std::span<const float> values) {
  std::string bytes = array_of(GgufType::f32, values.size());
  for (const float value : values) {
    put(bytes, value);
  }
  set(key, GgufType::array, std::move(bytes));
}

void GgufHeader::booleans(std::string_view key, const std::vector<bool>& values) {
  std::string bytes = array_of(GgufType::boolean, values.size());
  for (const bool value : values) {
    bytes.push_back(value ? '\1' : '\0');
  }
  set(key, GgufType::array, std::move(bytes));
}

void GgufHeader::tensor(std::string_view name, DType type, const std::vector<std::int64_t>& shape) {
  put_text(tensors_, name);
  put(tensors_, static_cast<std::uint32_t>(shape.size()));
  std::int64_t n = 1;
  for (auto dim = shape.rbegin(); dim != shape.rend(); ++dim) {  // GGUF names the fastest dim first
    put(tensors_, static_cast<std::uint64_t>(*dim));
    n *= *dim;
  }
  put(tensors_, type);
  put(tensors_, data_bytes_);
  sizes_.push_back(static_cast<std::uint64_t>(bytes_of(format_of(type), n)));
  data_bytes_ += aligned(sizes_.back());
}

std::string GgufHeader::bytes() const {
  std::string out = "GGUF";
  put(out, kVersion);
  put(out, static_cast<std::uint64_t>(sizes_.size()));
  put(out, static_cast<std::uint64_t>(keys_.size()));
  for (const GgufKey& key : keys_) {
    put_text(out, key.name);
    out += key.value;
  }
  out += tensors_;
  out.resize(aligned(out.size()), '\0');
  return out;
}

}  // namespace llorch
