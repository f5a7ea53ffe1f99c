// matmul with 8-bit activations over packed weights (packed.h), by VNNI.
//
// One output is one chain: for each block of 32 k fma(weight scale * x scale, float(integer dot), sum), for Q6_K twice,
// for its two halves, and for Q4_K then fma(-minimum, x scale * sum of x, sum). Integers are exact, so their order is
// free; rows of x, panels and pieces only choose which chains run side by side. What the offset of the unsigned weights
// adds to a dot is taken back by what the dot starts with.
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
#include "backend/avx2/generic/store.inc"
#include "backend/avx512/bytes.inc"

constexpr int kBlock = 32;
constexpr int kGroups = 8;       // of 4 k in a block
constexpr int kAhead = 8 << 10;  // bytes between what is used and what is fetched
constexpr int kPiece = 16;       // blocks that are unpacked at once for many rows of x
constexpr int kTilePanels = 2;   // panels x rows of x whose sums fit in the registers
constexpr int kTileRowsOfX = 6;
constexpr int kTokenBlock = 264;  // rows of x, at most, that share an unpacked piece: whole tiles
constexpr int kFewTiles = 8;      // up to here a tile fetches so much that it must be spread
constexpr int kOutPanels = 8;     // whose outputs are stored together: runs of 512 bytes
constexpr int kStreams = 2;       // places of memory that are read side by side: one alone is below the read speed
constexpr int kFewRows = 8;       // up to here weights go from memory to registers

#include "backend/avx512/packed_forms.inc"

template <class Form>
inline constexpr int kUnitBytes = Form::kUnit.bytes();

#include "backend/avx512/rows8.inc"

/// What a dot of half `half` of block `at` starts with: it takes back what the weights' offset adds.
template <class Form>
LL_INLINE Ints start_of(const Rows8& x, std::int64_t at, int half) {
  return Form::kOffset == 0 ? _mm512_setzero_si512() : fill_ints(x.starts[2 * at + half]);
}

/// Fetches what block b of a unit takes, and its share of the unit's head: all at once would wait for each other.
template <class Form>
LL_INLINE void fetch_block(const std::byte* unit, int b) {
  constexpr int kHeadLines = Form::kUnit.head_bytes / kVectorBytes;
  const std::byte* vectors = unit + Form::kUnit.head_bytes + b * Form::kUnit.vectors * kVectorBytes;
  if (b < kHeadLines) {
    prefetch(unit + b * kVectorBytes);
  }
#pragma GCC unroll 8
  for (int i = 0; i < Form::kUnit.vectors; ++i) {
    prefetch(vectors + i * kVectorBytes);
  }
}

/// Block b0 + b of x against block b of a unit of one panel: goes on with the chains of T rows from i0 on.
template <class Form, int T>
LL_INLINE void few_block(const std::byte* unit, int b, const Rows8& x, int i0, std::int64_t b0, Floats (&s)[T]) {
  Unpacked block;
  Form::unpack(unit, b, block);
  Ints dot[T][2];
#pragma GCC unroll 8
  for (int t = 0; t < T; ++t) {
    const std::int64_t at = (i0 + t) * x.n_blocks + b0 + b;
    dot[t][0] = start_of<Form>(x, at, 0);
    dot[t][1] = Form::kScales == 2 ? start_of<Form>(x, at, 1) : _mm512_setzero_si512();
  }
#pragma GCC unroll 8
  for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      const std::int8_t* q = x.q + ((i0 + t) * x.n_blocks + b0 + b) * kBlock;
      dot[t][g / 4] = _mm512_dpbusd_epi32(dot[t][g / 4], block.w[g], broadcast4(q + 4 * g));
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < T; ++t) {
    const std::int64_t at = (i0 + t) * x.n_blocks + b0 + b;
    const Floats x_scale = fill(x.scales[at]);
    if constexpr (Form::kScales == 2) {
      s[t] = fma(mul(block.scale[0], x_scale), to_float(dot[t][0]), s[t]);
      s[t] = fma(mul(block.scale[1], x_scale), to_float(dot[t][1]), s[t]);
    } else {
      const Ints all = _mm512_add_epi32(dot[t][0], dot[t][1]);
      s[t] = fma(mul(block.scale[0], x_scale), to_float(all), s[t]);
    }
    if constexpr (Form::kMin) {
      s[t] = _mm512_fnmadd_ps(block.min, fill(x.scaled_sums[at]), s[t]);
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
        fetch_block<Form>(unit + p * step_bytes + kAhead, b);
        few_block<Form, T>(unit + p * step_bytes, b, x, i0, b0, s[p]);
      }
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      store_row(mm, i0 + t, (p0 + p * step) * kPanelRows, s[p][t]);
    }
  }
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

/// This thread's scratch for many rows of x: a piece of two panels.
template <class Form>
struct Piece {
  std::byte w[kTilePanels][kPiece][kGroups][kVectorBytes];
  float scales[kTilePanels][kPiece][2][kLanes];  // the second: of the upper half, or the minimum
  float sums[kTokenBlock][kOutPanels][kLanes];
  std::byte packed[kTilePanels][kPiece / Form::kUnit.blocks][kUnitBytes<Form>];  // of weights that are not packed yet
};

/// Where a packed piece of two panels lies, fetched line by line while another is multiplied.
struct Fetch {
  const std::byte* data = nullptr;
  std::int64_t panel_bytes = 0;
  int lines = 0;  // of each panel; 0: nothing is fetched

  LL_INLINE void line(int i) const {
    prefetch(data + i * 64);
    prefetch(data + panel_bytes + i * 64);
  }
};

/// Rows t0 ... of the token block at i0 against the unpacked piece, n blocks from b0 on. Length is n where it is known
/// to the compiler, else 0. Lines `mine` are fetched, a few with each block when the tile is one of Few: all at once
/// would wait for each other there, and among many tiles each has one or two.
template <class Form, int T, int Length, bool Few>
inline void tile(Piece<Form>& c, const Rows8& x, int out, int i0, int t0, int b0, int length, const Fetch& fetch,
                 Range mine) {
  const int n = Length > 0 ? Length : length;
  const int lines_a_block = (mine.end - mine.begin + n - 1) / n;
  while (!Few && mine.begin < mine.end) {
    fetch.line(mine.begin++);
  }
  Floats s[T][kTilePanels];
#pragma GCC unroll 8
  for (int t = 0; t < T; ++t) {
#pragma GCC unroll 2
    for (int p = 0; p < kTilePanels; ++p) {
      s[t][p] = b0 == 0 ? zeros() : load(c.sums[t0 + t][out + p]);
    }
  }
  const std::int64_t first = x.at(i0 + t0, b0);
  for (int b = 0; b < n; ++b) {
    for (int i = 0; Few && i < lines_a_block && mine.begin < mine.end; ++i) {
      fetch.line(mine.begin++);
    }
    for (int half = 0; half < Form::kScales; ++half) {
      Ints dot[T][kTilePanels];
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const Ints start = start_of<Form>(x, first + t * n + b, half);
#pragma GCC unroll 2
        for (int p = 0; p < kTilePanels; ++p) {
          dot[t][p] = start;
        }
      }
      constexpr int kSteps = kGroups / Form::kScales;
#pragma GCC unroll 8
      for (int i = 0; i < kSteps; ++i) {
        const int g = half * kSteps + i;
        Ints w[kTilePanels];
#pragma GCC unroll 2
        for (int p = 0; p < kTilePanels; ++p) {
          w[p] = load_ints(c.w[p][b][g]);
        }
#pragma GCC unroll 8
        for (int t = 0; t < T; ++t) {
          const Ints four = broadcast4(x.q + (first + t * n + b) * kBlock + 4 * g);
#pragma GCC unroll 2
          for (int p = 0; p < kTilePanels; ++p) {
            dot[t][p] = _mm512_dpbusd_epi32(dot[t][p], w[p], four);
          }
        }
      }
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const std::int64_t at = first + t * n + b;
        const Floats x_scale = fill(x.scales[at]);
#pragma GCC unroll 2
        for (int p = 0; p < kTilePanels; ++p) {
          s[t][p] = fma(mul(load(c.scales[p][b][half]), x_scale), to_float(dot[t][p]), s[t][p]);
          if constexpr (Form::kMin) {
            s[t][p] = _mm512_fnmadd_ps(load(c.scales[p][b][1]), fill(x.scaled_sums[at]), s[t][p]);
          }
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < T; ++t) {
#pragma GCC unroll 2
    for (int p = 0; p < kTilePanels; ++p) {
      store(c.sums[t0 + t][out + p], s[t][p]);
    }
  }
}

/// Where the units of panel p from block b0 on lie; packs them first where the weights are as in the file.
template <class Form>
inline const std::byte* units_of(const Matmul& mm, Piece<Form>& c, int p, int slot, int b0, int n) {
  const std::int64_t n_units = Form::kUnit.units_of(mm.w->cols);
  if (mm.packed != nullptr) {
    return mm.packed + (p * n_units + b0 / Form::kUnit.blocks) * kUnitBytes<Form>;
  }
  const MatrixView& w = *mm.w;
  const auto left = static_cast<int>(w.rows) - p * kPanelRows;
  const std::int64_t k0 = std::int64_t{b0} * kBlock;
  const std::int64_t offset = bytes_of(format_of(w.type), k0);
  const std::int64_t cols = w.cols - k0 < n * kBlock ? w.cols - k0 : n * kBlock;
  pack_panel(w.type, w.data + std::int64_t{p} * kPanelRows * w.row_bytes + offset, w.row_bytes,
             left < kPanelRows ? left : kPanelRows, cols, c.packed[slot][0]);
  return c.packed[slot][0];
}

template <class Form>
inline void unpack_piece(const Matmul& mm, Piece<Form>& c, int p, int slot, int b0, int n) {
  const std::byte* units = units_of<Form>(mm, c, p, slot, b0, n);
  for (int b = 0; b < n; ++b) {
    Unpacked block;
    Form::unpack(units + b / Form::kUnit.blocks * kUnitBytes<Form>, b % Form::kUnit.blocks, block);
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) {
      store_ints(c.w[slot][b][g], block.w[g]);
    }
    store(c.scales[slot][b][0], block.scale[0]);
    if constexpr (Form::kScales == 2) {
      store(c.scales[slot][b][1], block.scale[1]);
    }
    if constexpr (Form::kMin) {
      store(c.scales[slot][b][1], block.min);
    }
  }
}

template <class Form>
inline Fetch fetch_of(const Matmul& mm, const Rows8& x, int p, int b0) {
  const std::int64_t panel_bytes = x.n_blocks / Form::kUnit.blocks * kUnitBytes<Form>;
  return {mm.packed + p * panel_bytes + b0 / Form::kUnit.blocks * kUnitBytes<Form>, panel_bytes,
          x.piece_len(b0) / Form::kUnit.blocks * kUnitBytes<Form> / 64};
}

/// Fetches where rows i ... of the outputs of panels p and p + 1 will be stored.
LL_INLINE void fetch_outputs(const Matmul& mm, int i, int n, int p) {
  for (int t = 0; t < n; ++t) {
    const float* y = mm.y + (i + t) * mm.y_step() + p * kPanelRows;
    prefetch(y);
    prefetch(y + kPanelRows);
  }
}

/// What tiles() needs to know beside the rows: the piece from block b0 on of the panels from p on, their place in the
/// sums, and the piece that comes next.
struct Part {
  int p, out, b0;
  Fetch fetch;
};

/// T rows of x from row t of the token block on.
template <class Form, int T>
inline void rows_tile(const Matmul& mm, Piece<Form>& c, const Rows8& x, const Part& part, Range tokens, int t) {
  const int n_tokens = tokens.end - tokens.begin;
  const int n = x.piece_len(part.b0);
  const Range mine{part.fetch.lines * t / n_tokens, part.fetch.lines * (t + T) / n_tokens};
  if (part.b0 + kPiece >= x.n_blocks) {
    fetch_outputs(mm, tokens.begin + t, T, part.p);
  }
  if (n < kPiece) {
    tile<Form, T, 0, true>(c, x, part.out, tokens.begin, t, part.b0, n, part.fetch, mine);
  } else if (n_tokens <= kFewTiles * kTileRowsOfX) {
    tile<Form, T, kPiece, true>(c, x, part.out, tokens.begin, t, part.b0, n, part.fetch, mine);
  } else {
    tile<Form, T, kPiece, false>(c, x, part.out, tokens.begin, t, part.b0, n, part.fetch, mine);
  }
}

/// All rows in the least number of tiles; the last three share what is left evenly, so that none is of one or two rows.
template <class Form>
inline void tiles(const Matmul& mm, Piece<Form>& c, const Rows8& x, const Part& part, Range tokens) {
  const int n_tokens = tokens.end - tokens.begin;
  for (int t = 0; t < n_tokens;) {
    const int left = n_tokens - t;
    const int n_tiles = (left + kTileRowsOfX - 1) / kTileRowsOfX;
    const int rows = n_tiles > 3 ? kTileRowsOfX : (left + n_tiles - 1) / n_tiles;
    switch (rows) {
      case 6:
        rows_tile<Form, 6>(mm, c, x, part, tokens, t);
        break;
      case 5:
        rows_tile<Form, 5>(mm, c, x, part, tokens, t);
        break;
      case 4:
        rows_tile<Form, 4>(mm, c, x, part, tokens, t);
        break;
      case 3:
        rows_tile<Form, 3>(mm, c, x, part, tokens, t);
        break;
      case 2:
        rows_tile<Form, 2>(mm, c, x, part, tokens, t);
        break;
      default:
        rows_tile<Form, 1>(mm, c, x, part, tokens, t);
        break;
    }
    t += rows;
  }
}

/// Rows `tokens` of x against the first panels, 1 or 2, of `panels`, a piece from block b0 on; the sums are in
/// c.sums[t][out].
template <class Form>
inline void panel_pair(const Matmul& mm, Piece<Form>& c, const Rows8& x, Range tokens, Range panels, int out, int b0,
                       const Fetch& fetch) {
  for (int slot = 0; slot < kTilePanels; ++slot) {  // a lone panel is taken twice
    const int p = panels.begin + slot < panels.end ? panels.begin + slot : panels.begin;
    unpack_piece<Form>(mm, c, p, slot, b0, x.piece_len(b0));
  }
  tiles<Form>(mm, c, x, {panels.begin, out, b0, fetch}, tokens);
}

/// Rows `tokens` of x against `panels`, at most kOutPanels.
template <class Form>
inline void panel_group(const Matmul& mm, Piece<Form>& c, const Rows8& x, Range tokens, Range panels) {
  for (int b0 = 0; b0 < x.n_blocks; b0 += kPiece) {
    for (int p = panels.begin; p < panels.end; p += kTilePanels) {
      const bool ends = p + kTilePanels >= panels.end;
      Fetch fetch;
      if (mm.packed != nullptr && !(ends && b0 + kPiece >= x.n_blocks)) {
        fetch = ends ? fetch_of<Form>(mm, x, panels.begin, b0 + kPiece) : fetch_of<Form>(mm, x, p + kTilePanels, b0);
      }
      panel_pair<Form>(mm, c, x, tokens, {p, panels.end}, p - panels.begin, b0, fetch);
    }
  }
  for (int i = tokens.begin; i < tokens.end; ++i) {
    for (int p = panels.begin; p < panels.end; ++p) {
      store_row(mm, i, p * kPanelRows, load(c.sums[i - tokens.begin][p - panels.begin]));
    }
  }
}

/// Blocks of rows of x of about the same length, whole tiles.
inline int token_block(int m) {
  const int n_blocks = (m + kTokenBlock - 1) / kTokenBlock;
  return ((m + n_blocks - 1) / n_blocks + kTileRowsOfX - 1) / kTileRowsOfX * kTileRowsOfX;
}

template <class Form>
inline void many(const Matmul& mm, const Work& work, const Rows8& x, Range panels) {
  auto& c = *reinterpret_cast<Piece<Form>*>(work.scratch.data());
  static_assert(sizeof(Piece<Form>) <= kScratchBytes);
  const int step = mm.m == 0 ? 1 : token_block(mm.m);
  for (int i0 = 0; i0 < mm.m; i0 += step) {
    const Range tokens{i0, i0 + step < mm.m ? i0 + step : mm.m};
    for (int p0 = panels.begin; p0 < panels.end; p0 += kOutPanels) {
      panel_group<Form>(mm, c, x, tokens, {p0, p0 + kOutPanels < panels.end ? p0 + kOutPanels : panels.end});
    }
  }
}

template <class Form>
inline void run(const Matmul& mm, const Work& work) {
  const bool is_few = mm.packed != nullptr && mm.m <= kFewRows;
  const Rows8 x = rows8_in<Form>(mm, work, !is_few);
  quantise_rows<Form>(mm, work, x);
  work.team->barrier();
  const auto n_panels = static_cast<int>((mm.w->rows + kPanelRows - 1) / kPanelRows);
  const Range panels = part_of(n_panels, work.thread, work.n_threads, is_few ? 1 : kTilePanels);
  if (is_few) {
    few<Form>(mm, x, panels);
  } else {
    many<Form>(mm, work, x, panels);
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
