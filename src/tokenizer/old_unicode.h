// Two tables of Hugging Face tokenizers are older than the rest: punctuation (Unicode 8) and scripts (Unicode 9). Ids
// must be the same, so characters that came later are left out here.
#pragma once

#include <cstdint>

namespace llorch {

/// ASCII punctuation and \p{P}: of the pre-tokenizers Punctuation and BertPreTokenizer.
bool is_old_punctuation(char32_t c);

/// "Any": of spaces and of what is not assigned.
inline constexpr int kNoScript = -1;
/// A number for the script, as the pre-tokenizer UnicodeScripts tells them apart: kana count as Han.
int old_script_of(char32_t c);

}  // namespace llorch
