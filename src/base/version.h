// The version that programs report: CMake's project version.
#pragma once

namespace llorch {

extern const char* const kVersion;  // "0.1.0"

}  // namespace llorch
