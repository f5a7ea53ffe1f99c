#include "base/version.h"

namespace llorch {

const char* const kVersion = LLORCH_VERSION;  // defined for this file alone, so that a new version rebuilds no other

}  // namespace llorch
