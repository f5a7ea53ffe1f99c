// One .safetensors file -> tensors: eight bytes of header length, a JSON header, then the data, without holes.
#include "checkpoint/safetensors.h"

#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/format.h"
#include "base/json.h"
#include "checkpoint/layout.h"
#include "checkpoint/printable.h"

namespace llorch {
namespace {

using nlohmann::json;

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the reference implementation
constexpr std::size_t kMaxDims = 4;

static_assert(std::endian::native == std::endian::little);

/// The JSON header as text.
Result<std::string_view> header_of(std::span<const std::byte> bytes, const std::string& file) {
  std::uint64_t length = 0;
  if (bytes.size() < sizeof length) {
    return errorf(ErrorCode::model_file, "{}: a file of {} bytes is too small to be SafeTensors", file, bytes.size());
  }
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > kMaxHeaderBytes || length > bytes.size() - sizeof length) {
    return errorf(ErrorCode::model_file,
                  "{}: header length is {} (at offset 0), but the file has {} bytes and the limit is {}", file, length,
                  bytes.size(), kMaxHeaderBytes);
  }
  const auto header = bytes.subspan(sizeof length, length);
  return std::string_view(reinterpret_cast<const char*>(header.data()), header.size());
}

/// Bytes of a value of a type that no weight has; 0: of any other.
int opaque_bytes(std::string_view dtype) {
  static constexpr std::pair<std::string_view, int> kTypes[] = {{"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"I16", 2},
                                                                {"U16", 2},  {"I32", 4}, {"U32", 4}, {"I64", 8},
                                                                {"U64", 8},  {"F64", 8}};
  for (const auto& [name, bytes] : kTypes) {
    if (name == dtype) {
      return bytes;
    }
  }
  return 0;
}

/// Reads one entry of the header; `data` is the section that follows the header.
class EntryReader {
 public:
  EntryReader(std::span<const std::byte> bytes, std::uint64_t data_start, const std::string& file)
      : data_(bytes.subspan(data_start)), data_start_(data_start), file_(file) {}

  Result<Tensor> read(const std::string& name, const json& entry) {
    name_ = name;
    if (!entry.is_object()) {
      return error("must be an object, is {}", entry.type_name());
    }
    Tensor tensor;
    tensor.name = name;
    tensor.file = file_;
    LL_ASSIGN(const Format* format, format_of_entry(entry));
    tensor.type = format->type;
    LL_ASSIGN(tensor.shape, shape_of(entry));
    if (const int bytes = opaque_bytes(entry["dtype"].get_ref<const std::string&>()); bytes > 1) {
      tensor.shape.push_back(bytes);  // a value is as many of its bytes
    }
    LL_ASSIGN(const std::uint64_t needed, checked_bytes(file_, tensor, *format));
    LL_TRY(place(entry, needed, tensor));
    return tensor;
  }

 private:
  template <class... Args>
  Error error(fmt::format_string<Args...> format, Args&&... args) const {
    return errorf(ErrorCode::model_file, "{}: tensor '{}': {}", file_, printable(name_),
                  fmt::format(format, std::forward<Args>(args)...));
  }

  Result<const Format*> format_of_entry(const json& entry) const {
    const auto dtype = entry.find("dtype");
    if (dtype == entry.end() || !dtype->is_string()) {
      return error("dtype is missing or not a string");
    }
    const auto& name = dtype->get_ref<const std::string&>();
    if (opaque_bytes(name) > 0) {
      return &format_of(DType::u8);  // masks, positions, parts of a format: no weights
    }
    if (name == "F8_E4M3") {
      return &format_of(DType::f8_e4m3);
    }
    if (name != "F32" && name != "F16" && name != "BF16") {
      return error("dtype {} is not supported, weights are F32, F16, BF16 or F8_E4M3", printable(name));
    }
    return find_format(std::string_view(name));
  }

  /// [] is a scalar: one element.
  Result<std::vector<std::int64_t>> shape_of(const json& entry) const {
    LL_ASSIGN(auto shape, unsigned_array(entry, "shape"));
    if (shape.size() > kMaxDims) {
      return error("shape has {} dims, at most {} are supported", shape.size(), kMaxDims);
    }
    return shape.empty() ? std::vector<std::int64_t>{1} : shape;
  }

  Status place(const json& entry, std::uint64_t needed, Tensor& tensor) const {
    LL_ASSIGN(const auto offsets, unsigned_array(entry, "data_offsets"));
    if (offsets.size() != 2) {
      return error("data_offsets has {} numbers, must have 2", offsets.size());
    }
    const auto begin = static_cast<std::uint64_t>(offsets[0]);
    const auto end = static_cast<std::uint64_t>(offsets[1]);
    if (begin > end || end > data_.size()) {
      return error("data_offsets are [{}, {}], but the data has {} bytes", begin, end, data_.size());
    }
    if (end - begin != needed) {
      return error("data_offsets [{}, {}] hold {} bytes, but {} {} needs {}", begin, end, end - begin,
                   format_of(tensor.type).name, shape_text(tensor.shape), needed);
    }
    tensor.file_offset = data_start_ + begin;
    tensor.data = data_.subspan(begin, needed);
    return {};
  }

  Result<std::vector<std::int64_t>> unsigned_array(const json& entry, const char* key) const {
    const auto array = entry.find(key);
    if (array == entry.end() || !array->is_array()) {
      return error("{} is missing or not an array", key);
    }
    std::vector<std::int64_t> values;
    values.reserve(array->size());
    for (const json& item : *array) {
      if (!item.is_number_unsigned() || item.get<std::uint64_t>() > INT64_MAX) {
        return error("{} holds {}, must hold integers from 0 to 2^63 - 1", key, printable(dump_json(item)));
      }
      values.push_back(item.get<std::int64_t>());
    }
    return values;
  }

  std::span<const std::byte> data_;
  std::uint64_t data_start_;
  const std::string& file_;
  std::string name_;
};

/// The format forbids bytes that belong to no tensor. `tensors` are in order and do not overlap.
Status refuse_holes(const std::vector<Tensor>& tensors, std::uint64_t data_start, std::uint64_t file_bytes,
                    const std::string& file) {
  std::uint64_t at = data_start;
  for (const Tensor& tensor : tensors) {
    if (tensor.file_offset != at) {
      return errorf(ErrorCode::model_file, "{}: {} bytes at offset {}, before tensor '{}', belong to no tensor", file,
                    tensor.file_offset - at, at, printable(tensor.name));
    }
    at += tensor.data.size();
  }
  if (at != file_bytes) {
    return errorf(ErrorCode::model_file, "{}: {} bytes at offset {}, after the last tensor, belong to no tensor", file,
                  file_bytes - at, at);
  }
  return {};
}

}  // namespace

Result<std::vector<Tensor>> parse_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  LL_ASSIGN(const std::string_view header, header_of(bytes, name));
  if (!header.starts_with('{')) {
    return errorf(ErrorCode::model_file, "{}: the header starts with '{}', must start with '{{' (at offset {})", name,
                  printable(header.substr(0, 1)), kLengthBytes);
  }
  const auto document = parse_json(header, name + ": header");
  if (!document.ok()) {
    return Error{ErrorCode::model_file, document.error().message};
  }
  const std::uint64_t data_start = kLengthBytes + header.size();
  EntryReader reader(bytes, data_start, name);
  std::vector<Tensor> tensors;
  for (const auto& [key, entry] : document->items()) {
    if (key != "__metadata__") {
      LL_ASSIGN(auto tensor, reader.read(key, entry));
      tensors.push_back(std::move(tensor));
    }
  }
  LL_TRY(sort_without_overlap(tensors));
  LL_TRY(refuse_holes(tensors, data_start, bytes.size(), name));
  return tensors;
}

}  // namespace llorch
