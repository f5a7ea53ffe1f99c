#include "ops/settings.h"

#include "base/format.h"

namespace llorch::bench {

Status check(const Settings& s) {
  for (const Format* format : s.formats) {
    if (s.cols % format->block_len != 0) {
      return errorf(ErrorCode::invalid_argument, "--cols: {} is no multiple of the {} weights in a block of {}", s.cols,
                    format->block_len, format->name);
    }
  }
  if (s.n_heads % s.n_kv_heads != 0) {
    return errorf(ErrorCode::invalid_argument, "--heads: {} is no multiple of --kv-heads {}", s.n_heads, s.n_kv_heads);
  }
  if (s.head_dim % 2 != 0) {
    return errorf(ErrorCode::invalid_argument, "--head-dim: {} is odd, and channels rotate in pairs", s.head_dim);
  }
  if (s.chunk > s.context) {
    return errorf(ErrorCode::invalid_argument, "--chunk: {} tokens, but --context is {}", s.chunk, s.context);
  }
  return {};
}

}  // namespace llorch::bench
