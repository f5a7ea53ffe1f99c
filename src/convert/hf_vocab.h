// The vocabulary of a Hugging Face directory as the keys tokenizer.* of a GGUF.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_header.h"

namespace llorch {

struct VocabOptions {
  std::int64_t n_rows = 0;  // of the embedding: tokens are added up to it; 0: as many as there are
  std::string pre;          // tokenizer.ggml.pre; empty: found from tokenizer.json
};

/// Reads tokenizer.json, tokenizer_config.json, generation_config.json and the chat templates of `source`. What a GGUF
/// says less well is added to `notes`; ErrorCode::unsupported where ids of common texts would be others.
Status add_vocab_keys(const Checkpoint& source, const VocabOptions& options, GgufHeader& header,
                      std::vector<std::string>& notes);

}  // namespace llorch
