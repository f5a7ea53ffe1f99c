// The op tables that this build has and this machine can run; the first is the reference.
#pragma once

#include <vector>

#include "backend/ops.h"

namespace llorch::test {

std::vector<OpTable> tables();

/// The tables of this build that pack weights, those that this machine cannot run too: packing needs no ISA.
std::vector<OpTable> packing_tables();

}  // namespace llorch::test
