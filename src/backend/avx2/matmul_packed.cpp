// matmul with 8-bit activations over packed weights (packed.h), by AVX2.
//
// One output is one chain: for each block of 32 k fma(weight scale * integer dot, x scale, sum), for Q6_K twice, for
// its two halves, and for formats with minimums then fma(-minimum, x scale * sum of x, sum). Integers are exact, so
// their order is free; rows of x and panels only choose which chains run side by side. A panel stays in a near cache
// while it meets the rows of x, so its weights are unpacked in registers for each tile of them.
#include <cmath>
#include <cstddef>
#include <cstring>

#include "backend/avx2/bytes.h"
#include "backend/avx2/kernels.h"
#include "backend/avx2/lanes.h"
#include "backend/avx2/packed.h"
#include "base/check.h"
#include "quant/iq4_nl/iq4_nl.h"
#include "quant/mxfp4/e2m1.h"

LL_TARGET_BEGIN
namespace llorch::avx2 {
namespace {
#include "backend/avx2/generic/dots.inc"
#include "backend/avx2/generic/store.inc"

constexpr int kBlock = 32;
constexpr int kGroups = 8;  // of 4 k in a block
constexpr int kVectorBytes = 4 * kLanes;
constexpr int kAhead = 8 << 10;   // bytes between what is used and what is fetched
constexpr int kStreams = 2;       // places of memory that are read side by side for one row of x
constexpr int kTileRows = 4;      // rows of x whose sums fit in the registers
constexpr int kTokenBlock = 128;  // rows of x that meet all panels before the next ones
constexpr int kLeastPanels = 4;   // of a thread's turn: what is fetched ahead at its end is another's
constexpr int kByteOffset = 0;    // of weights of 8 bits: pairs of products of 255 * 127 do not fit in 16 bits

#include "backend/avx2/generic/packed_forms.inc"

/// The m rows of x in 8-bit form, in Work::shared.
struct Rows8 {
  std::int8_t* q;         // [m, n_blocks, 32]
  float* scales;          // [m, n_blocks]
  float* scaled_sums;     // [m, n_blocks] scale * sum of q
  std::int32_t* starts;   // [m, n_blocks, 2] what the dots of each half, or of all in the first, start with
  std::int64_t n_blocks;  // of a row: all those of its units
};

template <class Form>
inline Rows8 rows8_in(const Matmul& mm, const Work& work) {
  const std::int64_t n_blocks = Form::kUnit.units_of(mm.w->cols) * Form::kUnit.blocks;
  const std::int64_t n = mm.m * n_blocks;
  LL_CHECK(n * (kBlock + 16) <= static_cast<std::int64_t>(work.shared.size()), "8-bit rows exceed Work::shared");
  auto* q = reinterpret_cast<std::int8_t*>(work.shared.data());
  auto* scales = reinterpret_cast<float*>(q + n * kBlock);
  return {q, scales, scales + n, reinterpret_cast<std::int32_t*>(scales + 2 * n), n_blocks};
}

/// One block of x, as ref/q8.h defines it: scale = largest / 127, q = x * (127 / largest) to nearest, ties to even; NaN
/// and infinity make the scale NaN.
template <class Form>
LL_INLINE void quantise_block(const float* x, const Rows8& out, std::int64_t at) {
  constexpr float kTiny = 1e-30F;  // below it 127 / largest is not a float
  Floats largest = zeros();
  Floats poison = zeros();
  for (int i = 0; i < kBlock; i += kLanes) {
    largest = max(largest, abs(load(x + i)));
    poison = fma(load(x + i), zeros(), poison);
  }
  const float amax = largest_of(largest);
  const float inverse = amax > kTiny ? 127.0F / amax : 0.0F;
  Floats totals[2] = {zeros(), zeros()};
  for (int i = 0; i < kBlock; i += kLanes) {
    const Floats q = keep_finite(rounded(mul(load(x + i), fill(inverse))));
    store_i8(out.q + at * kBlock + i, q);
    totals[i / (kBlock / 2)] = add(totals[i / (kBlock / 2)], q);
  }
  const float sums[2] = {sum(totals[0]), sum(totals[1])};
  out.scales[at] = amax / 127.0F + sum(poison);
  out.scaled_sums[at] = out.scales[at] * (sums[0] + sums[1]);
  const float halves[2] = {Form::kScales == 2 ? sums[0] : sums[0] + sums[1], Form::kScales == 2 ? sums[1] : 0.0F};
  out.starts[2 * at] = kStart<Form> - Form::kOffset * static_cast<std::int32_t>(halves[0]);
  out.starts[2 * at + 1] = kStart<Form> - Form::kOffset * static_cast<std::int32_t>(halves[1]);
}

/// The threads share the blocks of all rows. Units are of 2 blocks or more: what a row lacks is zeros.
template <class Form>
inline void quantise_rows(const Matmul& mm, const Work& work, const Rows8& out) {
  const Range mine = part_of(static_cast<int>(mm.m * out.n_blocks), work.thread, work.n_threads);
  for (std::int64_t at = mine.begin; at < mine.end; ++at) {
    const auto row = static_cast<int>(at / out.n_blocks);
    const std::int64_t k = at % out.n_blocks * kBlock;
    const float padding[kBlock] = {};
    quantise_block<Form>(k < mm.w->cols ? x_row(mm, row) + k : padding, out, at);
  }
}

/// Pairs of products of 4 weights and 4 values of x in each lane, in 16 bits.
template <class Form>
LL_INLINE Ints pairs_of(Ints w, Ints x) {
  return Form::kSigned ? _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w)) : _mm256_maddubs_epi16(w, x);
}

/// a + b, in this order: compilers turn chains of integer sums into trees, whose parts do not fit in the registers.
LL_INLINE Ints add16(Ints a, Ints b) {
  Ints sum = _mm256_add_epi16(a, b);
  asm("" : "+x"(sum));
  return sum;
}
LL_INLINE Ints add32(Ints a, Ints b) {
  Ints sum = _mm256_add_epi32(a, b);
  asm("" : "+x"(sum));
  return sum;
}

/// The dots of groups [g0, g0 + n) of a block with T rows of x, of which q is the first.
template <class Form, int T>
LL_INLINE void dots_of(const std::byte* vectors, int g0, int n, const std::int8_t* q, std::int64_t row,
                       Ints (&dot)[T]) {
  const Ints ones = _mm256_set1_epi16(1);
#pragma GCC unroll 8
  for (int first = g0; first < g0 + n; first += Form::kIn16) {
    Ints pairs[T];
#pragma GCC unroll 8
    for (int g = first; g < first + Form::kIn16; ++g) {
      const Ints w = Form::weights(vectors, g);
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const Ints more = pairs_of<Form>(w, broadcast4(q + t * row + 4 * g));
        pairs[t] = g == first ? more : add16(pairs[t], more);
      }
    }
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      dot[t] = add32(dot[t], _mm256_madd_epi16(pairs[t], ones));
    }
  }
}

/// Block b of a unit, block `at` of the first of T rows of x: goes on with their chains.
template <class Form, int T>
LL_INLINE void block_rows(const std::byte* unit, int b, const Rows8& x, std::int64_t at, Floats (&s)[T]) {
  constexpr int kSteps = kGroups / Form::kScales;
  const std::byte* vectors = unit + Form::kUnit.vectors_at(kLanes, b);
#pragma GCC unroll 2
  for (int half = 0; half < Form::kScales; ++half) {
    Ints dot[T];
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      dot[t] = fill_ints(Form::kOffset == 0 ? kStart<Form> : x.starts[2 * (at + t * x.n_blocks) + half]);
    }
    dots_of<Form, T>(vectors, half * kSteps, kSteps, x.q + at * kBlock, x.n_blocks * kBlock, dot);
    const Floats scale = Form::scale(unit, b, half);
    const Floats excess = excess_of(scale);
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      s[t] = fma(scaled<Form>(dot[t], scale, excess), fill(x.scales[at + t * x.n_blocks]), s[t]);
    }
  }
  if constexpr (Form::kMin) {
    const Floats min = Form::min(unit, b);
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      s[t] = _mm256_fnmadd_ps(min, fill(x.scaled_sums[at + t * x.n_blocks]), s[t]);
    }
  }
}

template <class Form>
inline std::int64_t panel_bytes(const Rows8& x) {
  return x.n_blocks / Form::kUnit.blocks * Form::kUnit.bytes(kLanes);
}

/// T rows of x from i0 on against P panels, p0, p0 + step, ...; `panel` is the first, `ahead` bytes further memory is
/// fetched, a part with each block.
template <class Form, int T, int P>
inline void rows_tile(const Matmul& mm, const std::byte* panel, const Rows8& x, int i0, int p0, int step, int ahead) {
  constexpr int kUnitBytes = Form::kUnit.bytes(kLanes);
  constexpr int kLines = (kUnitBytes / Form::kUnit.blocks + 63) / 64;
  const std::int64_t step_bytes = step * panel_bytes<Form>(x);
  Floats s[P][T];
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      s[p][t] = zeros();
    }
  }
  const std::byte* unit = panel;
  for (std::int64_t b0 = 0; b0 < x.n_blocks; b0 += Form::kUnit.blocks, unit += kUnitBytes) {
    for (int b = 0; b < Form::kUnit.blocks; ++b) {
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) {
        const std::byte* of_panel = unit + p * step_bytes;
#pragma GCC unroll 8
        for (int line = 0; line < kLines; ++line) {
          prefetch(of_panel + ahead + b * (kUnitBytes / Form::kUnit.blocks) + line * 64);
        }
        block_rows<Form, T>(of_panel, b, x, i0 * x.n_blocks + b0 + b, s[p]);
      }
    }
  }
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      store_row(mm, i0 + t, (p0 + p * step) * kLanes, s[p][t]);
    }
  }
}

template <class Form>
inline void panel_rows(const Matmul& mm, const std::byte* panel, const Rows8& x, Range tokens, int p) {
  int i = tokens.begin;
  for (; i + kTileRows <= tokens.end; i += kTileRows) {
    rows_tile<Form, kTileRows, 1>(mm, panel, x, i, p, 0, i == tokens.begin ? kAhead : 0);
  }
  for (; i < tokens.end; ++i) {
    rows_tile<Form, 1, 1>(mm, panel, x, i, p, 0, i == tokens.begin ? kAhead : 0);
  }
}

/// The panel where it is packed, or packed into scratch.
template <class Form>
inline const std::byte* panel_of(const Matmul& mm, const Work& work, const Rows8& x, int p) {
  if (mm.packed != nullptr) {
    return mm.packed + p * panel_bytes<Form>(x);
  }
  LL_CHECK(panel_bytes<Form>(x) <= static_cast<std::int64_t>(work.scratch.size()), "a packed panel exceeds scratch");
  const MatrixView& w = *mm.w;
  const auto left = static_cast<int>(w.rows) - p * kLanes;
  pack_panel(w.type,
             {w.data + std::int64_t{p} * kLanes * w.row_bytes, w.row_bytes, left < kLanes ? left : kLanes, w.cols},
             kLanes, work.scratch.data());
  return work.scratch.data();
}

/// One row of x against `panels`, read from several places side by side.
template <class Form>
inline void one_row(const Matmul& mm, const Work& work, const Rows8& x, Range panels) {
  const int step = (panels.end - panels.begin) / kStreams;
  int p = panels.begin;
  for (; p < panels.begin + step; ++p) {
    rows_tile<Form, 1, kStreams>(mm, panel_of<Form>(mm, work, x, p), x, 0, p, step, kAhead);
  }
  for (p += (kStreams - 1) * step; p < panels.end; ++p) {
    rows_tile<Form, 1, 1>(mm, panel_of<Form>(mm, work, x, p), x, 0, p, 0, kAhead);
  }
}

template <class Form>
inline void run(const Matmul& mm, const Work& work) {
  const Rows8 x = rows8_in<Form>(mm, work);
  if (!mm.x_is_ready) {
    quantise_rows<Form>(mm, work, x);
    work.team->barrier();
  }
  const auto n_panels = static_cast<int>((mm.w->rows + kLanes - 1) / kLanes);
  if (mm.packed != nullptr && mm.m == 1) {
    one_row<Form>(mm, work, x, part_of(n_panels, work.thread, work.n_threads));
    return;
  }
  Turns turns(*work.team, work.n_threads);
  for (int i0 = 0; i0 < mm.m; i0 += kTokenBlock) {
    const Range tokens{i0, i0 + kTokenBlock < mm.m ? i0 + kTokenBlock : mm.m};
    turns.share(n_panels, 1, kLeastPanels, [&](Range panels) {
      for (int p = panels.begin; p < panels.end; ++p) {
        panel_rows<Form>(mm, panel_of<Form>(mm, work, x, p), x, tokens, p);
      }
    });
  }
}

}  // namespace

void matmul_packed(const Matmul& mm, const Work& work) {
  switch (mm.w->type) {
    case DType::q8_0:
      return run<FormQ8_0>(mm, work);
    case DType::q4_0:
      return run<FormQ4_0>(mm, work);
    case DType::q4_1:
      return run<FormQ4_1>(mm, work);
    case DType::q5_0:
      return run<FormQ5_0>(mm, work);
    case DType::q5_1:
      return run<FormQ5_1>(mm, work);
    case DType::iq4_nl:
      return run<FormIQ4_NL>(mm, work);
    case DType::mxfp4:
      return run<FormMxfp4>(mm, work);
    case DType::q4_k:
      return run<FormQ4_K>(mm, work);
    case DType::q5_k:
      return run<FormQ5_K>(mm, work);
    case DType::iq4_xs:
      return run<FormIQ4_XS>(mm, work);
    default:
      return run<FormQ6_K>(mm, work);
  }
}

bool has_q8(DType type) {
  return packed_unit(type) != nullptr;
}

void matmul(const Matmul& mm, const Work& work) {
  if (work.activations == Activations::q8 && has_q8(mm.w->type)) {
    matmul_packed(mm, work);
  } else {
    matmul_f32(mm, work);
  }
}

}  // namespace llorch::avx2
LL_TARGET_END
