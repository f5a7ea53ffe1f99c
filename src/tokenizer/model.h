// TokenModel: the middle of a Pipeline, pieces of text -> ids. Two kinds: merges by rank (bpe.h) and by score (spm.h).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/merge.h"

namespace llorch {

class TokenModel {
 public:
  virtual ~TokenModel() = default;
  /// Appends the ids of one piece of valid UTF-8. `scratch` is working memory, kept between the pieces of a text.
  virtual void encode(std::string_view piece, MergeScratch& scratch, std::vector<std::int32_t>& out) const = 0;
};

/// Longest stretch that is merged as one; longer pieces are cut. Keeps offsets within 32 bits.
inline constexpr std::size_t kMaxPieceBytes = std::size_t{1} << 30;

}  // namespace llorch
