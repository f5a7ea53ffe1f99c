// GgufReader: walks the header of a GGUF file. Each read checks the bytes that are left first, and each error names the
// file, what was being read (the subject: a key or a tensor), the offset and the value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/format.h"
#include "base/result.h"
#include "checkpoint/metadata.h"

namespace llorch {

class GgufReader {
 public:
  GgufReader(std::span<const std::byte> bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  const std::string& file() const { return file_; }
  std::uint64_t offset() const { return offset_; }
  std::uint64_t size() const { return bytes_.size(); }
  std::uint64_t left() const { return bytes_.size() - offset_; }
  /// What errors say is being read: "header", "key 'x'", "tensor 'y'".
  void set_subject(std::string subject) { subject_ = std::move(subject); }

  /// The next n bytes.
  Result<std::span<const std::byte>> take(std::uint64_t n, std::string_view what);
  /// A little-endian number.
  template <class T>
  Result<T> number(std::string_view what) {
    LL_ASSIGN(const auto raw, take(sizeof(T), what));
    T value;
    std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }
  /// A string: its length in 64 bits and its bytes. The view points into the file.
  Result<std::string_view> text(std::string_view what);
  /// A metadata value: its type and what follows.
  Result<MetaValue> value();

  /// "FILE: SUBJECT: MESSAGE (at offset N)".
  template <class... Args>
  Error error(fmt::format_string<Args...> format, Args&&... args) const {
    return errorf(ErrorCode::model_file, "{}: {}: {} (at offset {})", file_, subject_,
                  fmt::format(format, std::forward<Args>(args)...), offset_);
  }

 private:
  Result<MetaValue> array();

  std::span<const std::byte> bytes_;
  std::string file_;
  std::string subject_ = "header";
  std::uint64_t offset_ = 0;
};

}  // namespace llorch
