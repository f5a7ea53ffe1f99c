// What kernels share: warps, sums over a block, asynchronous copies to shared memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace llorch::cuda {

inline constexpr int kWarp = 32;
inline constexpr unsigned int kAllLanes = 0xFFFFFFFFU;

/// The next kernel may be brought in, and this one goes on when the one in front of it has ended and its results are
/// seen. Every kernel calls it, in every block that
/// does not end at once, before it touches what kernels write.
__device__ inline void wait_for_inputs() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// The sum over all threads of the block, the same in each, by a tree of fixed shape.
template <int n_warps>
__device__ inline double block_sum(double value) {
  __shared__ double warps[n_warps];
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value += __shfl_xor_sync(kAllLanes, value, step);
  }
  if constexpr (n_warps == 1) {
    return value;
  }
  __syncthreads();
  if (threadIdx.x % kWarp == 0) {
    warps[threadIdx.x / kWarp] = value;
  }
  __syncthreads();
  double sum = 0;
  for (int i = 0; i < n_warps; ++i) {
    sum += warps[i];
  }
  return sum;
}

/// The largest value of all threads of the block, in each.
template <int n_warps>
__device__ inline float block_max(float value) {
  __shared__ float warps[n_warps];
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, step));
  }
  __syncthreads();
  if (threadIdx.x % kWarp == 0) {
    warps[threadIdx.x / kWarp] = value;
  }
  __syncthreads();
  for (int i = 0; i < n_warps; ++i) {
    value = fmaxf(value, warps[i]);
  }
  return value;
}

__device__ inline unsigned int shared_address(const void* at) {
  return static_cast<unsigned int>(__cvta_generic_to_shared(at));
}

/// 16 bytes from global to shared memory, around the L1 cache.
__device__ inline void copy_async(void* to, const void* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(to)), "l"(from) : "memory");
}
/// The same, zeros when not `there`.
__device__ inline void copy_async(void* to, const void* from, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(there ? 16 : 0)
               : "memory");
}
__device__ inline void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
/// All but the last n groups of this thread's copies have arrived.
template <int n>
__device__ inline void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(n) : "memory");
}

/// Four matrices of 8 rows of 16 bytes; lane l gives the address of row l % 8 of matrix l / 8.
__device__ inline void load_matrices(std::uint32_t (&r)[4], const void* at) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(at))
               : "memory");
}
__device__ inline void load_transposed(std::uint32_t (&r)[4], const void* at) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(at))
               : "memory");
}

}  // namespace llorch::cuda
