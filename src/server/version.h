// The version that programs report: CMake's project version.
#pragma once

namespace llorch {

inline constexpr const char* kVersion = LLORCH_VERSION;

}  // namespace llorch
