// Names and strings out of an untrusted file, made fit for a one-line message.
#pragma once

#include <string>
#include <string_view>

namespace llorch {

/// `text` cut after about `limit` bytes (with "..."). Backslashes, control characters and bytes that are not UTF-8
/// become
/// \\, \n or \xNN, so that a message stays one line of valid UTF-8 whatever a file holds. Quotes are the caller's.
std::string printable(std::string_view text, std::size_t limit = 96);

}  // namespace llorch
