// Base64 (RFC 4648, with padding), for bytes that are not UTF-8 in JSON.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace llorch {

std::string to_base64(std::string_view bytes);
/// ErrorCode::invalid_argument when `text` has another character, or a length or padding that cannot be.
Result<std::string> from_base64(std::string_view text);

}  // namespace llorch
