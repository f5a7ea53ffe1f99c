// What kernels say that C++ has no words for: shared memory of a size that the launch gives, and instructions by name.
// The rest of the kernels is C++ with CUDA's own functions, so that another folder's ptx.cuh is all that an emulation
// of a device needs besides CUDA's headers.
#pragma once

#include <cstddef>
#include <cstdint>

/// The block's dynamic shared memory as an array `name` of `type`.
#define LL_DYNAMIC_SHARED(type, name) extern __shared__ type name[]

namespace llorch::cuda {

/// The next kernel may be brought in, and this one goes on when the one in front of it has ended and its results are
/// seen. Those launched early call it, in every block that does not end at once, before they touch what kernels write.
__device__ inline void wait_for_inputs() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
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

/// c += a b: 16 x 32 times 32 x 8 of 8-bit integers.
__device__ inline void mma_q8(int (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// c += a b: 16 x 16 times 16 x 8 of 8-bit integers.
__device__ inline void mma_q8_half(int (&c)[4], std::uint32_t a0, std::uint32_t a1, std::uint32_t b) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
               : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
               : "r"(a0), "r"(a1), "r"(b));
}

/// c += a b: 16 x 16 times 16 x 8 of bf16 (f16), summed in float.
template <bool bf16>
__device__ inline void mma_float(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  if constexpr (bf16) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
}

/// 2^x, and 0 for -infinity.
__device__ inline float power_of_2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
/// Shared memory as an operand: 8 rows of 16 bytes in a row are a matrix; the next of K and the next 8 rows lie the
/// given bytes on.
__device__ inline std::uint64_t describe(const uint4* at, int next_k, int next_rows) {
  return ((shared_address(at) & 0x3FFFFU) >> 4) | static_cast<std::uint64_t>(next_k / 16) << 16 |
         static_cast<std::uint64_t>(next_rows / 16) << 32;
}

// The sums are the 64 registers of d; %66 tells whether they are added to.
#define LL_MULTIPLY_GROUP(type)                                                                                    \
  asm volatile(                                                                                                    \
      "{\n"                                                                                                        \
      ".reg .pred p;\n"                                                                                            \
      "setp.ne.b32 p, %66, 0;\n"                                                                                   \
      "wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type                                                 \
      " "                                                                                                          \
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, "           \
      "%21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %"           \
      "40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %5"           \
      "9, %60, %61, %62, %63}"                                                                                     \
      ", %64, %65, p, 1, 1, 0, 0;\n"                                                                               \
      "}\n"                                                                                                        \
      : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]), "+f"(d[1][2]),   \
        "+f"(d[1][3]), "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]), "+f"(d[3][0]), "+f"(d[3][1]),   \
        "+f"(d[3][2]), "+f"(d[3][3]), "+f"(d[4][0]), "+f"(d[4][1]), "+f"(d[4][2]), "+f"(d[4][3]), "+f"(d[5][0]),   \
        "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]), "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]), "+f"(d[6][3]),   \
        "+f"(d[7][0]), "+f"(d[7][1]), "+f"(d[7][2]), "+f"(d[7][3]), "+f"(d[8][0]), "+f"(d[8][1]), "+f"(d[8][2]),   \
        "+f"(d[8][3]), "+f"(d[9][0]), "+f"(d[9][1]), "+f"(d[9][2]), "+f"(d[9][3]), "+f"(d[10][0]), "+f"(d[10][1]), \
        "+f"(d[10][2]), "+f"(d[10][3]), "+f"(d[11][0]), "+f"(d[11][1]), "+f"(d[11][2]), "+f"(d[11][3]),            \
        "+f"(d[12][0]), "+f"(d[12][1]), "+f"(d[12][2]), "+f"(d[12][3]), "+f"(d[13][0]), "+f"(d[13][1]),            \
        "+f"(d[13][2]), "+f"(d[13][3]), "+f"(d[14][0]), "+f"(d[14][1]), "+f"(d[14][2]), "+f"(d[14][3]),            \
        "+f"(d[15][0]), "+f"(d[15][1]), "+f"(d[15][2]), "+f"(d[15][3])                                             \
      : "l"(a), "l"(b), "r"(add))

/// d = a b, or d += a b: 64 x 16 times 16 x 128, by a warpgroup.
template <bool bf16>
__device__ inline void multiply_group(float (&d)[16][4], std::uint64_t a, std::uint64_t b, int add) {
  if constexpr (bf16) {
    LL_MULTIPLY_GROUP("bf16");
  } else {
    LL_MULTIPLY_GROUP("f16");
  }
}
#undef LL_MULTIPLY_GROUP

/// Registers of products on their way must not be moved.
__device__ inline void fence_registers(float (&d)[16][4]) {
#pragma unroll
  for (int i = 0; i < 64; ++i) {
    asm volatile("" : "+f"(d[i / 4][i % 4])::"memory");
  }
}

/// What this thread copied and waited for is seen by warpgroup products of threads that it meets.
__device__ inline void show_copies_to_products() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
/// Registers written so far are seen by the products that follow.
__device__ inline void begin_products() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ inline void commit_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// All but the last n groups of products have ended.
template <int n>
__device__ inline void wait_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(n) : "memory");
}
#endif

}  // namespace llorch::cuda
