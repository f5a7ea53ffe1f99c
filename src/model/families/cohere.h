// What Command R and Cohere 2 share.
#pragma once

#include "model/families/common.h"
#include "model/family.h"

namespace llorch {

Result<ModelSpec> read_cohere(const ModelSource& source);
Status add_cohere_keys(const ModelSource& source, const ModelSpec& spec, GgufHeader& header);

}  // namespace llorch
