// How the emulator's tests run a kernel.
#pragma once

#include <cuda_runtime.h>

#include <cstdlib>
#include <string>

namespace llorch::emulator {

/// One block of `threads` threads; what the launch returns.
template <class... Parameters, class... Args>
cudaError_t run_block(void (*kernel)(Parameters...), int threads, std::size_t shared_bytes, Args... args) {
  cudaLaunchConfig_t config{};
  config.blockDim = dim3(static_cast<unsigned int>(threads));
  config.dynamicSmemBytes = shared_bytes;
  return cudaLaunchKernelEx(&config, kernel, args...);
}

/// The seed of launches while it lives.
class Seed {
 public:
  explicit Seed(int seed) { setenv("LLORCH_EMULATOR_SEED", std::to_string(seed).c_str(), 1); }
  Seed(const Seed&) = delete;
  Seed& operator=(const Seed&) = delete;
  ~Seed() { unsetenv("LLORCH_EMULATOR_SEED"); }
};

}  // namespace llorch::emulator
