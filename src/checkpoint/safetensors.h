// SafeTensors containers: a directory as the Hugging Face hub lays it out, and the one file format in it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"

namespace llorch {

/// Opens a directory with config.json and model.safetensors, or model.safetensors.index.json and its shards.
Result<Checkpoint> open_safetensors(const std::string& directory, const FileAccess& access);

/// The tensors of one .safetensors image, by place in the file; `bytes` must outlive them. `name` stands for the path
/// in errors. Checks all that the format demands: sizes, no overlap, no hole.
/// The format: https://github.com/huggingface/safetensors#format.
Result<std::vector<Tensor>> parse_safetensors(std::span<const std::byte> bytes, const std::string& name);

}  // namespace llorch
