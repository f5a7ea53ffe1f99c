// SampleSpec: how one token is drawn, as plain data, so that a device can sample where the logits are.
#pragma once

#include <cstdint>
#include <span>

namespace llorch {

/// The request's parameters; ranges are checked at the edges (server, CLI).
struct SamplingParams {
  float temperature = 1.0F;         // 0: greedy, the highest logit, the lowest id among equals
  int top_k = 0;                    // 0: off
  float top_p = 1.0F;               // 1: off
  float min_p = 0.0F;               // 0: off
  float repetition_penalty = 1.0F;  // 1: off
  float presence_penalty = 0.0F;
  float frequency_penalty = 0.0F;
  std::uint64_t seed = 0;
};

/// One draw: parameters, and what the draw may depend on besides the logits.
struct SampleSpec {
  SamplingParams params;
  std::uint32_t choice = 0;               // index of the choice of a request
  std::uint32_t position = 0;             // index of the token in its sequence
  std::span<const std::int32_t> history;  // prompt and output so far, for the penalties
};

}  // namespace llorch
