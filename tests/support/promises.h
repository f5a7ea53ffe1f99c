// What checkpoint.h promises of any bytes: an accepted tensor can be read, a refusal is one typed line that names the
// file. Shared by the damaged files and the fuzz targets; a broken promise aborts.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "checkpoint/checkpoint.h"

namespace llorch::testing {

/// Decodes the first and the last blocks of a tensor and checks what the Checkpoint promises.
inline void decode_ends(const Tensor& tensor) {
  const Format& format = format_of(tensor.type);
  LL_CHECK(!tensor.shape.empty() && tensor.shape.size() <= 4, "a shape has 1 to 4 dims");
  LL_CHECK(tensor.shape.back() % format.block_len == 0, "rows are whole blocks");
  LL_CHECK(bytes_of(format, tensor.elements()) == static_cast<std::int64_t>(tensor.data.size()), "data fits the shape");
  const std::int64_t n_blocks = tensor.elements() / format.block_len;
  const std::int64_t n = std::min<std::int64_t>(n_blocks, 4);
  std::vector<float> out(static_cast<std::size_t>(n * format.block_len));
  format.decode(tensor.data.data(), out.data(), n);
  format.decode(tensor.data.data() + (n_blocks - n) * format.block_bytes, out.data(), n);
}

/// An error must be typed and name the file that it was given.
inline void check_error(const Error& error, std::string_view file) {
  LL_CHECK(error.code == ErrorCode::model_file, "a bad file is a model_file error");
  LL_CHECK(error.message.starts_with(file), error.message.c_str());
  LL_CHECK(error.message.find('\n') == std::string::npos, "a message is one line");
}

}  // namespace llorch::testing
