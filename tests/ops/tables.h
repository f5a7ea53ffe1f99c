// The op tables that this build has and this machine can run; the first is the reference.
#pragma once

#include <vector>

#include "backend/ops.h"

namespace llorch::test {

std::vector<OpTable> tables();

}  // namespace llorch::test
