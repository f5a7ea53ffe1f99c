// What a client's Accept header prefers.
#pragma once

#include <string_view>

namespace llorch {

/// Whether `accept` names application/x-ndjson, not with q=0, and not after a text/event-stream of a higher q.
bool prefers_ndjson(std::string_view accept);

}  // namespace llorch
