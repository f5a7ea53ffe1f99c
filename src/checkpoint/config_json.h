// config.json -> Metadata: nested objects become dotted keys ("rope_scaling.factor").
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkpoint/metadata.h"

namespace llorch {

/// Flattens the document `text` of the file `source`. Null values are left out, and so are arrays that mix types or
/// hold objects or arrays. Strings of arrays are kept in `strings`, which must live as long as the result.
Result<Metadata> flatten_config(std::string_view text, const std::string& source,
                                std::vector<std::shared_ptr<const std::string>>& strings);

}  // namespace llorch
