// GPT-2's alphabet: every byte as one visible character, so that vocabularies of bytes can be written as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace llorch {

/// Appends the visible form of `bytes`.
void append_byte_level(std::string_view bytes, std::string& out);
/// The bytes that `text` stands for; nothing when a character is outside the alphabet.
std::optional<std::string> from_byte_level(std::string_view text);
/// The same into `bytes`, whose memory is used again; false when there are none.
bool from_byte_level(std::string_view text, std::string& bytes);

}  // namespace llorch
