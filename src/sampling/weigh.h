// What a token weighs in a draw, in arithmetic that gives the same bits on every host and device: IEEE operations that
// no compiler may contract. Nothing is fused by intent either: a host built for any x86-64 would call its library for
// that.
//
// A weight is e^(logit - best) in units of 2^-40, a whole number, so that sums are exact in whatever order.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define LL_HD __host__ __device__
#else
#define LL_HD
#endif

namespace llorch {

/// One rounding each.
namespace exact {
#ifdef __CUDA_ARCH__
LL_HD inline double mul(double a, double b) {
  return __dmul_rn(a, b);
}
LL_HD inline double add(double a, double b) {
  return __dadd_rn(a, b);
}
LL_HD inline float mul(float a, float b) {
  return __fmul_rn(a, b);
}
LL_HD inline float add(float a, float b) {
  return __fadd_rn(a, b);
}
LL_HD inline float div(float a, float b) {
  return __fdiv_rn(a, b);
}
#else  // built with -ffp-contract=off
LL_HD inline double mul(double a, double b) {
  return a * b;
}
LL_HD inline double add(double a, double b) {
  return a + b;
}
LL_HD inline float mul(float a, float b) {
  return a * b;
}
LL_HD inline float add(float a, float b) {
  return a + b;
}
LL_HD inline float div(float a, float b) {
  return a / b;
}
#endif
}  // namespace exact

inline constexpr double kWeightUnits = 0x1p40;
inline constexpr double kWeightReach = 29.0;  // e^-29 is less than half a unit: what lies as far below is never drawn
inline constexpr int kWeightBins = 1340;

/// What weights are computed with, here and in vectors (avx2/generic/split_tokens.inc).
namespace weighing {
inline constexpr double kStepsPerUnit = 0x1.71547652b82fep+5;  // 32 / ln 2
inline constexpr double kRounder = 0x1.8p52;                   // added, it leaves no bits behind the point
inline constexpr double kStepHigh = 0x1.62e42fefa3p-6;         // 41 bits of ln 2 / 32: exact times any bin
inline constexpr double kStepLow = 0x1.3de6af278ece6p-47;
// e^r = 1 + r + r^2 q(r) for |r| <= ln 2 / 64: the polynomial of least relative error, 2^-53.3.
inline constexpr double kQ0 = 0x1.ffffffffdbce9p-2, kQ1 = 0x1.555555556652cp-3;
inline constexpr double kQ2 = 0x1.5555cf1a6558dp-5, kQ3 = 0x1.111115a703d98p-7;
inline constexpr std::uint64_t kUnitsExponent = std::uint64_t{40} << 52;
inline constexpr double kWhole = 0x1p52;  // added, it leaves whole units behind its own bits
inline constexpr std::uint64_t kWholeBits = std::bit_cast<std::uint64_t>(kWhole);

/// 2^(-i / 32), i < 32.
LL_HD inline double power_of(int i) {
  static constexpr double kPowers[32] = {
      0x1.0000000000000p+0, 0x1.f50765b6e4540p-1, 0x1.ea4afa2a490dap-1, 0x1.dfc97337b9b5fp-1, 0x1.d5818dcfba487p-1,
      0x1.cb720dcef9069p-1, 0x1.c199bdd85529cp-1, 0x1.b7f76f2fb5e47p-1, 0x1.ae89f995ad3adp-1, 0x1.a5503b23e255dp-1,
      0x1.9c49182a3f090p-1, 0x1.93737b0cdc5e5p-1, 0x1.8ace5422aa0dbp-1, 0x1.82589994cce13p-1, 0x1.7a11473eb0187p-1,
      0x1.71f75e8ec5f74p-1, 0x1.6a09e667f3bcdp-1, 0x1.6247eb03a5585p-1, 0x1.5ab07dd485429p-1, 0x1.5342b569d4f82p-1,
      0x1.4bfdad5362a27p-1, 0x1.44e086061892dp-1, 0x1.3dea64c123422p-1, 0x1.371a7373aa9cbp-1, 0x1.306fe0a31b715p-1,
      0x1.29e9df51fdee1p-1, 0x1.2387a6e756238p-1, 0x1.1d4873168b9aap-1, 0x1.172b83c7d517bp-1, 0x1.11301d0125b51p-1,
      0x1.0b5586cf9890fp-1, 0x1.059b0d3158574p-1};
  return kPowers[i];
}
}  // namespace weighing

/// How far a logit lies below the best one, cut into steps of ln 2 / 32: below = bin * ln 2 / 32 - rest.
struct Below {
  int bin;      // 0 ... kWeightBins - 1, rises with `below`
  double rest;  // up to ln 2 / 64 either way
};

/// 0 <= below < kWeightReach.
LL_HD inline Below cut_below(double below) {
  using namespace weighing;
  const double rounded = exact::add(exact::mul(below, kStepsPerUnit), kRounder);
  const double n = exact::add(rounded, -kRounder);
  const double rest = exact::add(exact::add(exact::mul(n, kStepHigh), -below), exact::mul(n, kStepLow));
  return {static_cast<int>(std::bit_cast<std::uint64_t>(rounded) & 0xFFFF), rest};
}

/// e^-below in units of 2^-40, not yet rounded to whole ones; relative error less than 2^-51.
LL_HD inline double units_of(const Below& below) {
  using namespace weighing;
  const double r = below.rest;
  double q = exact::add(exact::mul(kQ3, r), kQ2);
  q = exact::add(exact::mul(q, r), kQ1);
  q = exact::add(exact::mul(q, r), kQ0);
  const double p = exact::add(exact::mul(exact::mul(r, r), q), r);
  const std::uint64_t exponent = kUnitsExponent - (static_cast<std::uint64_t>(below.bin / 32) << 52);
  const auto power = std::bit_cast<double>(std::bit_cast<std::uint64_t>(power_of(below.bin % 32)) + exponent);
  return exact::add(exact::mul(power, p), power);
}

/// Rounded to the nearest, ties to even.
LL_HD inline std::uint64_t whole(double units) {
  return std::bit_cast<std::uint64_t>(exact::add(units, weighing::kWhole)) - weighing::kWholeBits;
}

/// Repetition (CTRL, Keskar et al. 2019: divides positive logits, multiplies negative ones), then presence and
/// frequency (OpenAI: subtracted once, and once per occurrence), for a token that occurred `count` times.
LL_HD inline float penalised(float logit, float repetition, float presence, float frequency, int count) {
  logit = logit > 0 ? exact::div(logit, repetition) : exact::mul(logit, repetition);
  return exact::add(logit, -exact::add(presence, exact::mul(frequency, static_cast<float>(count))));
}

/// The sum of weights at which top-p ends, of `kept` in all.
LL_HD inline std::uint64_t top_p_goal(float top_p, std::uint64_t kept) {
  const auto goal =
      static_cast<std::uint64_t>(std::ceil(exact::mul(static_cast<double>(top_p), static_cast<double>(kept))));
  return goal < 1 ? 1 : goal > kept ? kept : goal;
}

/// The sum of weights that the drawn token reaches, of `kept` in all.
LL_HD inline std::uint64_t drawn_goal(double uniform, std::uint64_t kept) {
  const auto at = static_cast<std::uint64_t>(exact::mul(uniform, static_cast<double>(kept)));
  return (at < kept ? at : kept - 1) + 1;
}

}  // namespace llorch
