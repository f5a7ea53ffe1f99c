// matmul with 8-bit activations over packed weights (packed.h), by VNNI.
//
// One output is one chain: for each block of 32 k fma(weight scale * integer dot, x scale, sum), for Q6_K twice, for
// its two halves, and for formats with minimums then fma(-minimum, x scale * sum of x, sum). Integers are exact, so
// their order is free; rows of x, panels and pieces only choose which chains run side by side. What the offset of the
// unsigned weights adds to a dot is taken back by what the dot starts with.
#include "backend/avx512/packed.h"

#include <cmath>
#include <cstddef>
#include <cstring>

#include "backend/avx512/kernels.h"
#include "backend/avx512/lanes.h"
#include "base/check.h"
#include "quant/iq4_nl/iq4_nl.h"
#include "quant/mxfp4/e2m1.h"

LL_TARGET_BEGIN_VNNI
namespace llorch::avx512 {
namespace {
#include "backend/avx2/generic/dots.inc"
#include "backend/avx2/generic/store.inc"
#include "backend/avx512/bytes.inc"

constexpr int kBlock = 32;
constexpr int kGroups = 8;       // of 4 k in a block
constexpr int kAhead = 4 << 10;  // bytes between what is used and what is fetched to the second cache
constexpr int kNear = 1 << 10;   // and to the first one
constexpr int kPiece = 16;       // blocks that are unpacked at once for many rows of x
constexpr int kTilePanels = 2;   // panels x rows of x whose sums fit in the registers
constexpr int kTileRowsOfX = 6;
constexpr int kTokenBlock = 264;  // rows of x, at most, that share an unpacked piece: whole tiles
constexpr int kFewTiles = 8;      // up to here a tile fetches so much that it must be spread
constexpr int kOutPanels = 8;     // whose outputs are stored together: runs of 512 bytes
constexpr int kStreams = 2;       // places of memory that are read side by side: one alone is below the read speed
constexpr int kFewRows = 6;       // up to here weights go from memory to registers
constexpr int kByteOffset = 128;  // of weights of 8 bits: VNNI multiplies unsigned ones

#include "backend/avx2/generic/packed_forms.inc"

template <class Form>
inline constexpr int kUnitBytes = Form::kUnit.bytes(kPanelRows);

/// The vectors of block b of a unit.
template <class Form>
LL_INLINE const std::byte* vectors_of(const std::byte* unit, int b) {
  return unit + Form::kUnit.vectors_at(kPanelRows, b);
}

#include "backend/avx512/rows8.inc"

/// What a dot of half `half` of block `at` starts with: it takes back what the weights' offset adds.
template <class Form>
LL_INLINE Ints start_of(const Rows8& x, std::int64_t at, int half) {
  return fill_ints(Form::kOffset == 0 ? kStart<Form> : x.starts[2 * at + half]);
}

/// Fetches a line to each cache while the one at `now` is used.
LL_INLINE void fetch_line(const std::byte* now) {
  prefetch_far(now + kAhead);
  prefetch(now + kNear);
}

/// Fetches as many lines as block b of a unit takes, kAhead and kNear bytes further on, and its share of a unit's head:
/// all at once would wait for each other.
template <class Form>
LL_INLINE void fetch_block(const std::byte* unit, int b) {
  constexpr int kHeadLines = Form::kUnit.head_bytes(kPanelRows) / kVectorBytes;
  const std::byte* vectors = vectors_of<Form>(unit, b);
  if (b < kHeadLines) {
    fetch_line(unit + b * kVectorBytes);
  }
#pragma GCC unroll 8
  for (int i = 0; i < Form::kUnit.vectors; ++i) {
    fetch_line(vectors + i * kVectorBytes);
  }
}

/// Block b0 + b of x against block b of a unit of one panel: goes on with the chains of T rows from i0 on.
template <class Form, int T>
LL_INLINE void few_block(const std::byte* unit, int b, const Rows8& x, int i0, std::int64_t b0, Floats (&s)[T]) {
  Ints dot[T][2];
#pragma GCC unroll 8
  for (int t = 0; t < T; ++t) {
    const std::int64_t at = (i0 + t) * x.n_blocks + b0 + b;
    dot[t][0] = start_of<Form>(x, at, 0);
    dot[t][1] = Form::kScales == 2 ? start_of<Form>(x, at, 1) : _mm512_setzero_si512();
  }
#pragma GCC unroll 8
  for (int g = 0; g < kGroups; ++g) {
    const Ints w = Form::weights(vectors_of<Form>(unit, b), g);
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      const std::int8_t* q = x.q + ((i0 + t) * x.n_blocks + b0 + b) * kBlock;
      dot[t][g / 4] = _mm512_dpbusd_epi32(dot[t][g / 4], w, broadcast4(q + 4 * g));
    }
  }
  Floats scale[Form::kScales];
  Floats excess[Form::kScales];
#pragma GCC unroll 2
  for (int half = 0; half < Form::kScales; ++half) {
    scale[half] = Form::scale(unit, b, half);
    excess[half] = excess_of(scale[half]);
  }
  const Floats min = Form::min(unit, b);
#pragma GCC unroll 8
  for (int t = 0; t < T; ++t) {
    const std::int64_t at = (i0 + t) * x.n_blocks + b0 + b;
    const Floats x_scale = fill(x.scales[at]);
    if constexpr (Form::kScales == 2) {
      s[t] = fma(scaled<Form>(dot[t][0], scale[0], excess[0]), x_scale, s[t]);
      s[t] = fma(scaled<Form>(dot[t][1], scale[1], excess[1]), x_scale, s[t]);
    } else {
      const Ints all = _mm512_add_epi32(dot[t][0], dot[t][1]);
      s[t] = fma(scaled<Form>(all, scale[0], excess[0]), x_scale, s[t]);
    }
    if constexpr (Form::kMin) {
      s[t] = _mm512_fnmadd_ps(min, fill(x.scaled_sums[at]), s[t]);
    }
  }
}

/// Few rows of x: T of them from i0 on against P panels, p0, p0 + step, ..., the weights from memory to registers.
template <class Form, int T, int P>
inline void few_rows(const Matmul& mm, const Rows8& x, int i0, int p0, int step) {
  const std::int64_t panel_bytes = x.n_blocks / Form::kUnit.blocks * kUnitBytes<Form>;
  const std::int64_t step_bytes = step * panel_bytes;
  const std::byte* unit = mm.packed + p0 * panel_bytes;
  Floats s[P][T];
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      s[p][t] = zeros();
    }
  }
  for (std::int64_t b0 = 0; b0 < x.n_blocks; b0 += Form::kUnit.blocks, unit += kUnitBytes<Form>) {
#pragma GCC unroll 2
    for (int b = 0; b < Form::kUnit.blocks; ++b) {
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        fetch_block<Form>(unit + p * step_bytes, b);
        few_block<Form, T>(unit + p * step_bytes, b, x, i0, b0, s[p]);
      }
    }
  }
  alignas(64) float sums[P][T][kLanes];
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      store(sums[p][t], s[p][t]);
    }
  }
  store_tile(mm, {i0, T, p0, P, step}, sums[0][0]);
}

template <class Form, int P>
inline void few_tokens(const Matmul& mm, const Rows8& x, int p0, int step) {
  int i = 0;
  for (; i + 4 <= mm.m; i += 4) {
    few_rows<Form, 4, P>(mm, x, i, p0, step);
  }
  for (; i + 2 <= mm.m; i += 2) {
    few_rows<Form, 2, P>(mm, x, i, p0, step);
  }
  if (i < mm.m) {
    few_rows<Form, 1, P>(mm, x, i, p0, step);
  }
}

template <class Form>
inline void few(const Matmul& mm, const Rows8& x, Range panels) {
  const int step = (panels.end - panels.begin) / kStreams;
  int p = panels.begin;
  for (; p < panels.begin + step; ++p) {
    few_tokens<Form, kStreams>(mm, x, p, step);
  }
  for (p += (kStreams - 1) * step; p < panels.end; ++p) {
    few_tokens<Form, 1>(mm, x, p, 0);
  }
}

#include "backend/avx512/packed_many.inc"

template <class Form>
inline void run(const Matmul& mm, const Work& work) {
  const bool is_few = mm.packed != nullptr && mm.m <= kFewRows;
  const Rows8 x = rows8_in<Form>(mm, work, !is_few);
  if (!mm.x_is_ready) {
    quantise_rows<Form>(mm, work, x);
    work.team->barrier();
  }
  const auto n_panels = static_cast<int>((mm.w->rows + kPanelRows - 1) / kPanelRows);
  if (is_few) {
    few<Form>(mm, x, part_of(n_panels, work.thread, work.n_threads));
  } else {
    many<Form>(mm, work, x, n_panels);
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

}  // namespace llorch::avx512
LL_TARGET_END
