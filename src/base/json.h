// JSON from untrusted sources: nlohmann-json behind a depth guard, with errors as Result.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/result.h"

namespace llorch {

/// Nesting deeper than this is refused before the parser sees it (nlohmann recurses when it writes and destroys).
inline constexpr int kMaxJsonDepth = 64;

/// Parses one JSON document. Refuses invalid UTF-8, duplicate keys, trailing bytes, NaN and nesting over kMaxJsonDepth.
/// `what` names the source in the error ("config.json", "request body").
Result<nlohmann::json> parse_json(std::string_view text, std::string_view what);

/// The same with the order of keys kept, of at most kMaxOrderedKeys in one object.
Result<nlohmann::ordered_json> parse_ordered_json(std::string_view text, std::string_view what);
inline constexpr std::size_t kMaxOrderedKeys = 4096;

/// Writes JSON on one line; bytes that are not UTF-8 become U+FFFD instead of an exception.
std::string dump_json(const nlohmann::json& value);
std::string dump_json(const nlohmann::ordered_json& value);

}  // namespace llorch
