// Where AVX-512 code may begin: LL_TARGET_BEGIN ... LL_TARGET_END, after all includes, so that no template of the
// standard library is ever compiled with instructions that another machine lacks. LL_TARGET_BEGIN_VNNI adds VNNI.
#pragma once

#define LL_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define LL_TARGET(isa) LL_PRAGMA(clang attribute push(__attribute__((target(isa))), apply_to = function))
#define LL_TARGET_END _Pragma("clang attribute pop")
#else
#define LL_TARGET(isa) _Pragma("GCC push_options") LL_PRAGMA(GCC target(isa))
#define LL_TARGET_END _Pragma("GCC pop_options")
#endif
#define LL_TARGET_BEGIN LL_TARGET("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")
#define LL_TARGET_BEGIN_VNNI LL_TARGET("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#define LL_INLINE __attribute__((always_inline)) inline
