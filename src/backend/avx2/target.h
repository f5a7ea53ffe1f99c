// Where AVX2 code may begin: LL_TARGET_BEGIN ... LL_TARGET_END, after all includes, so that no template of the standard
// library is ever compiled with instructions that another machine lacks.
#pragma once

#if defined(__clang__)
#define LL_TARGET_BEGIN _Pragma("clang attribute push(__attribute__((target(\"avx2,fma,f16c\"))), apply_to = function)")
#define LL_TARGET_END _Pragma("clang attribute pop")
#else
#define LL_TARGET_BEGIN _Pragma("GCC push_options") _Pragma("GCC target(\"avx2,fma,f16c\")")
#define LL_TARGET_END _Pragma("GCC pop_options")
#endif
#define LL_INLINE __attribute__((always_inline)) inline
