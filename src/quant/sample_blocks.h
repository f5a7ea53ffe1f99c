// Blocks of any format for checks and measurements of kernels, those without an encoder too.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "quant/formats.h"

namespace llorch {

/// `values` encoded; their number must be a multiple of block_len. Where llorch does not make the format: as many
/// blocks of bits that look random, with scales around 2^-7 so that weights are about 1. The same for the same call
/// everywhere.
std::vector<std::byte> sample_blocks(const Format& format, std::span<const float> values);

}  // namespace llorch
