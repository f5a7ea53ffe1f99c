// Kernels: what runs on the device, an entry a kernel, as the host-side walk over a plan calls it. Pointers in the
// arguments are to device memory. Every call puts work on the stream and returns; errors are those of the launch.
//
// The promise of ops.h holds here too: a token's row of every slot depends on that token's sequence alone, bit for bit.
// So every product sums K in the same order whatever the number of tokens, and attention walks the KV in fixed pieces.
#pragma once

#include <cstdint>
#include <span>

#include "backend/cuda/driver.h"
#include "backend/cuda/layout.h"
#include "backend/kv_bytes.h"
#include "base/result.h"
#include "model/spec.h"

namespace llorch::cuda {

/// Rows of floats: row i is x + (map ? map[i] : i) * stride; a mapped row of -1 is zeros.
struct Rows {
  const float* x = nullptr;
  std::int64_t stride = 0;
  const std::int32_t* map = nullptr;
  int n = 0;
};

/// How products take x: as it is, or rounded and in the order of the tensor cores' B operand.
enum class XForm : std::uint8_t { f32, q8, bf16, f16 };

/// x for the tensor cores, in tiles of 8 rows. q8 (the 8-bit rows of ref/q8.h): codes [tile, unit, 4, lane] of 16
/// bytes, scales [tile, unit, 8 groups, 8 rows] of {scale, scale times the sum of the integers}. bf16, f16: codes
/// [block of kXGroup rows, step, 8 times 8 of K, row] of 16 bytes, 8 values each; f16 rows are multiplied by
/// scales[row], a power of two. Kernels read whole groups of kXGroup rows: memory must reach as far, its content does
/// not matter.
inline constexpr int kXGroup = 128;

struct PackedX {
  XForm form = XForm::f32;
  int n_tiles = 0;
  int n_steps = 0;  // units or steps of a row
  void* codes = nullptr;
  float* scales = nullptr;
};

struct PackArgs {
  const void* rows = nullptr;  // n_rows rows of the file's blocks, row_bytes apart
  std::int64_t row_bytes = 0;
  int n_rows = 0;
  std::int64_t first_tile = 0;  // where they go: a multiple of kFloatRows rows
  DeviceMatrix to;
};

/// y[i, r] for rows r of W [row_begin, + n_rows) and rows i of x, as ops.h's Matmul. A batch of products: product b has
/// the rows from row_begin + b * row_step, x from b * x_step floats (or packed tiles) on and y from b * y_step on. With
/// `experts` the rows of x come in groups of expert_rows, group j using expert experts[j] in place of b (-1: no rows).
struct LinearArgs {
  DeviceMatrix w;
  int row_begin = 0;
  int n_rows = 0;
  Rows x;
  PackedX packed;
  float* y = nullptr;
  std::int64_t y_stride = 0;
  const std::int32_t* y_map = nullptr;  // row i goes to y_map[i]; -1: nowhere
  const float* bias = nullptr;          // [n_rows], of expert e from e * bias_step on
  bool accumulate = false;
  float scale = 1.0F;
  float softcap = 0;
  int n_batch = 1;
  std::int64_t row_step = 0;
  std::int64_t x_step = 0;
  std::int64_t y_step = 0;
  const std::int32_t* experts = nullptr;
  int expert_rows = 0;
  std::int64_t bias_step = 0;
  bool is_plain = false;  // y is the sum: no bias, no accumulation, no scale, no cap. Set by Kernels
};

inline constexpr int kMostProducts = 3;

struct EmbedArgs {
  DeviceMatrix table;
  const std::int32_t* rows = nullptr;  // [n_tokens] which rows
  int n_tokens = 0;
  float scale = 1.0F;
  bool add = false;  // out += row, without the scale
  float* out = nullptr;
};

struct NormArgs {
  NormKind kind = NormKind::rms;
  const float* weight = nullptr;
  const float* bias = nullptr;
  float eps = 0;
  int groups = 1;
  bool own_weights = false;
  int n = 0;    // channels of a group
  int row = 0;  // floats of a row of in and out
  int n_tokens = 0;
  const float* in = nullptr;
  float* out = nullptr;
  PackedX packed;  // where the row goes as well, unless its form is f32; groups == 1
};
/// Whether norm packs rows of n channels.
bool norm_can_pack(int n);

struct AnglesArgs {
  const double* inverse = nullptr;  // [n] ref/rope.h
  int n = 0;
  float magnitude = 1.0F;
  const std::int32_t* positions = nullptr;  // [n_tokens]
  int n_tokens = 0;
  float* cos_sin = nullptr;  // [n_tokens, n, 2]
};

struct RopeStoreArgs {
  int n_heads = 0;
  int n_kv_heads = 0;
  int head_dim = 0;
  RopeKind kind = RopeKind::none;
  int n = 0;  // pairs that rotate
  int offset = 0;
  const float* cos_sin = nullptr;
  float* q = nullptr;
  float* k = nullptr;
  const float* v = nullptr;                // == k: stored once
  const std::int32_t* kv_slots = nullptr;  // [n_tokens]; -1: not stored
  int n_tokens = 0;
  KvType kv_type = KvType::f16;
  void* k_cache = nullptr;  // [n_blocks, n_kv_heads, kKvBlock, head_dim]
  void* v_cache = nullptr;
};

/// Up to kAttendRows queries of one sequence, from row first_row of its run of tokens on: row r is head r % group of
/// token first_token + r / group, group being the heads of a KV head.
struct AttendTile {
  std::int32_t sequence;
  std::int32_t first_token;
  std::int32_t n_tokens;  // of the run
  std::int32_t first_row;
};

struct AttendArgs {
  int n_heads = 0;
  int n_kv_heads = 0;
  int head_dim = 0;
  int window = 0;
  float scale = 0;
  float softcap = 0;
  const float* sinks = nullptr;
  KvType kv_type = KvType::f16;
  const float* q = nullptr;  // [n_tokens, n_heads, head_dim]
  float* out = nullptr;
  const void* k_cache = nullptr;
  const void* v_cache = nullptr;
  const std::int32_t* positions = nullptr;
  const std::int32_t* sequences = nullptr;    // [n_tokens]
  const std::int32_t* kv_lens = nullptr;      // [n_seqs]
  const std::int32_t* block_table = nullptr;  // [n_seqs, max_blocks]
  int max_blocks = 0;
  int n_tokens = 0;
  const AttendTile* tiles = nullptr;  // [n_tiles]
  int n_tiles = 0;
  int n_splits = 1;          // pieces of kAttendSplit keys that the longest sequence has
  bool split = false;        // pieces in blocks of their own, merged afterwards through `partial`
  float* partial = nullptr;  // [n_tokens, n_heads, n_splits, head_dim + 2]
};
/// Keys whose softmax is summed in one go; the sums of pieces are merged first to last.
inline constexpr int kAttendSplit = 512;
/// Queries (tokens times heads of a KV head) that a tile of the tensor-core kernel holds.
inline constexpr int kAttendRows = 64;
/// Whether the tensor-core kernel takes this shape; else the plain one does.
bool attend_has_tiles(int head_dim, KvType kv_type, bool v_is_k);

struct GateArgs {
  Act act = Act::silu;
  bool gated = true;
  float limit = 0;
  float alpha = 0;
  float* gate = nullptr;  // [n_rows, width]
  const float* up = nullptr;
  int n_rows = 0;
  int width = 0;
  PackedX packed;  // where the result goes instead, unless its form is f32
};
bool gate_can_pack(XForm form);

struct RouteArgs {
  Moe moe;
  const float* logits = nullptr;  // [n_tokens, n_experts]
  const float* select_bias = nullptr;
  float* picks = nullptr;  // [n_tokens, 2 n_used]
  int n_tokens = 0;
};

/// Picks sorted by expert, then by token; each expert's rows begin at a multiple of `pad` of the padded rows.
struct SortPicksArgs {
  const float* picks = nullptr;
  int n_tokens = 0;
  int n_used = 0;
  int n_experts = 0;
  int pad = 8;
  int n_padded = 0;                  // rows that the maps below have
  std::int32_t* token_of = nullptr;  // [n_padded] -1: filled up
  std::int32_t* row_of = nullptr;    // [n_padded] the row when nothing is filled up
  std::int32_t* rows = nullptr;      // [n_tokens, n_used] the row, not filled up, of a pick
  std::int32_t* experts = nullptr;   // [n_padded / pad] -1: no rows
};

struct AddUpArgs {
  const float* down = nullptr;  // [rows, dim]
  const float* picks = nullptr;
  const std::int32_t* rows = nullptr;  // [n_tokens, n_used]
  int n_tokens = 0;
  int n_used = 0;
  int dim = 0;
  float scale = 1.0F;
  float* out = nullptr;
};

struct AddArgs {
  const float* in = nullptr;
  float* out = nullptr;
  float scale = 1.0F;
  std::int64_t n = 0;
};

/// The highest logit of each row, the lowest id among equals; kNotSampled where one is NaN or none is finite.
struct GreedyArgs {
  const float* logits = nullptr;
  int n_rows = 0;
  int width = 0;
  std::int32_t* out = nullptr;
};

/// A token of a history, and how often it is there.
struct TokenCount {
  std::int32_t id;  // in [0, width)
  std::int32_t count;
};

/// One draw: SampleSpec (sampling/params.h) with what the host works out.
struct SampleRow {
  double uniform = 0;      // uniform_draw()
  double share = 0;        // min-p, at most 1; 0: off
  double share_reach = 0;  // reach_of_share()
  std::int32_t row = 0;    // of the logits
  std::int32_t top_k = 0;
  float temperature = 1.0F;
  float top_p = 1.0F;
  float repetition_penalty = 1.0F;
  float presence_penalty = 0;
  float frequency_penalty = 0;
  std::int32_t first_count = 0;  // of SampleArgs::counts; no ID twice
  std::int32_t n_counts = 0;
};
static_assert(sizeof(SampleRow) == 64);  // the host's counts begin behind rows that the device reads

/// The token that sample() of sampling/sampler.h draws for each row; kNotSampled where that is an error. Penalties
/// change the logits where they are.
struct SampleArgs {
  float* logits = nullptr;  // [., width]
  int width = 0;
  const SampleRow* rows = nullptr;  // [n_rows], each of another row of the logits
  int n_rows = 0;
  const TokenCount* counts = nullptr;
  std::int32_t* out = nullptr;  // by row of the logits
};

class Kernels {
 public:
  virtual ~Kernels() = default;
  virtual Status pack_weights(const PackArgs& args, Stream stream) = 0;
  virtual Status pack_x(const Rows& rows, int cols, const PackedX& to, Stream stream) = 0;
  /// Up to kMostProducts products of the same x with matrices of one format.
  virtual Status linear(std::span<const LinearArgs> products, Stream stream) = 0;
  virtual Status embed(const EmbedArgs& args, Stream stream) = 0;
  virtual Status norm(const NormArgs& args, Stream stream) = 0;
  virtual Status angles(const AnglesArgs& args, Stream stream) = 0;
  virtual Status rope_store(const RopeStoreArgs& args, Stream stream) = 0;
  virtual Status attend(const AttendArgs& args, Stream stream) = 0;
  virtual Status gate(const GateArgs& args, Stream stream) = 0;
  virtual Status route(const RouteArgs& args, Stream stream) = 0;
  virtual Status sort_picks(const SortPicksArgs& args, Stream stream) = 0;
  virtual Status add_up(const AddUpArgs& args, Stream stream) = 0;
  virtual Status add(const AddArgs& args, Stream stream) = 0;
  virtual Status greedy(const GreedyArgs& args, Stream stream) = 0;
  virtual Status sample(const SampleArgs& args, Stream stream) = 0;
};

}  // namespace llorch::cuda
