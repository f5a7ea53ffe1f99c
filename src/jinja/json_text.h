// JSON <-> values: json.dumps as transformers calls it, and variables that come from outside.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "jinja/runtime.h"

namespace llorch::jinja {

struct JsonStyle {
  Value indent;                        // none, a number of spaces, or a string
  std::optional<Text> item_separator;  // nothing: ", " without indent and "," with
  Text key_separator{": ", Origin::author};
  bool sort_keys = false;
  bool ensure_ascii = false;
};

/// json.dumps(value): throws on what JSON has no word for. Text inside of strings keeps its origin, the rest is the
/// author's.
Text to_json(Runtime& runtime, const Value& value, const JsonStyle& style);

/// One JSON document as a value whose every text is of `origin`. Order of keys is kept, of equal keys the last value
/// counts; integers of any size; NaN and Infinity as Python reads them are refused. ErrorCode::invalid_argument names
/// `what` and the place.
Result<Value> from_json(Heap& heap, std::string_view json, Origin origin, std::string_view what);

}  // namespace llorch::jinja
