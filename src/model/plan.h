// Plan: a model as a flat list of fused, transformer-level steps over named activation slots. Made once from a spec,
// given once to a backend. A list, never a DAG; no step has more meaning than its reference op (backend/ref).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/spec.h"
#include "quant/formats.h"

namespace llorch {

/// Activation buffers of one batch, float. An op sees a slot as [n_tokens, row], row being what the op writes there:
/// layers of different sizes share the memory. q_a, heads: latent attention. route, picks, order: experts.
enum class Slot : std::uint8_t { x, xn, q, k, v, q_a, heads, att, gate, up, down, route, picks, order, none };
inline constexpr int kSlots = static_cast<int>(Slot::none);
std::string_view to_string(Slot slot);

/// Index into Plan::weights; -1: the step has none (no bias).
using WeightId = int;
inline constexpr WeightId kNoWeight = -1;

/// x[t] = scale * table[token[t]] (+ position_table[position[t]])
struct EmbedOp {
  WeightId table;  // matrix [vocab, dim]
  WeightId position_table = kNoWeight;
  float scale = 1.0F;
  Slot out = Slot::x;
};
/// The first `width` channels of each row, in `groups` groups that are normalised alone: groups 1 is the whole, n_heads
/// is per head. The weight has one group's width, or with own_weights one for each group. In place when in == out.
struct NormOp {
  NormKind kind = NormKind::rms;
  WeightId weight = kNoWeight;
  WeightId bias = kNoWeight;
  float eps = 0;
  int groups = 1;
  bool own_weights = false;
  int width = 0;  // 0: the row
  int row = 0;    // floats of a row of both slots; 0: the width of slot `in`
  Slot in = Slot::x;
  Slot out = Slot::xn;
};
/// y = W in + bias; then out = y, or with `accumulate` out += scale * y (the residual add).
struct LinearOp {
  WeightId weight = kNoWeight;  // matrix [row of out, row of in]
  WeightId bias = kNoWeight;
  Slot in = Slot::xn;
  Slot out = Slot::x;
  bool accumulate = false;
  float scale = 1.0F;
};
/// Where head h of a row lies: row * t + begin + step * h.
struct HeadPlace {
  Slot slot = Slot::none;
  int row = 0;  // floats of a row
  int begin = 0;
  int step = 0;  // 0: the same for all heads
};
/// One product a head: out[h] = W[h] in[h], W[h] being `rows` rows of the weight from w_begin + h * w_step.
struct HeadsLinearOp {
  WeightId weight = kNoWeight;  // matrix [*, channels of in[h]]
  int n_heads = 0;
  int rows = 0;
  int w_begin = 0;
  int w_step = 0;
  HeadPlace in, out;
};
/// Rotates q and k by position, in place, and writes k and v of each token to its KV slot.
struct RopeStoreOp {
  int n_heads = 0;
  int n_kv_heads = 0;
  int head_dim = 0;
  int kv_group = 0;
  Slot v = Slot::v;  // Slot::k: the rotated k is the value as well, and is stored once
  Rope rope;
};
/// att[t, head] = sum over keys j <= position (and > position - window) of softmax(scale * q.k_j) v_j
struct AttendOp {
  int n_heads = 0;
  int n_kv_heads = 0;
  int head_dim = 0;
  int kv_group = 0;
  int window = 0;
  float scale = 0;
  float softcap = 0;
  WeightId sinks = kNoWeight;  // vector [n_heads]: logits that join the softmax and carry no value
  bool v_is_k = false;         // the cache holds one row a token for both
};
/// gate = act(gate) * up, or act(gate) when not gated. With limit > 0: g = min(gate, limit), u = up within +-limit,
/// gate = g sigmoid(alpha g) (u + 1).
struct GateOp {
  Act act = Act::silu;
  bool gated = true;
  float limit = 0;
  float alpha = 0;
  int width = 0;  // of a row; 0: the slot's
};
/// picks[t] = [n_used] experts of token t as floats, best first, then [n_used] weights, from the scores in route[t].
struct RouteOp {
  Moe moe;
  WeightId select_bias = kNoWeight;  // vector [n_experts]: added to the scores for the choice alone
};
/// out[t] += scale * sum over the picks j of t, best first, of weight[j] * (down_e(act(gate_e xn[t], up_e xn[t]))), the
/// experts being row ranges of their matrices.
struct ExpertsOp {
  struct Part {
    WeightId weight = kNoWeight;  // matrix [n_experts * step, in]
    WeightId bias = kNoWeight;    // vector [n_experts * rows]
    int rows = 0;                 // of one expert
    int begin = 0;                // expert e has the rows [begin + e * step, + rows)
    int step = 0;
  };
  int n_experts = 0;
  int n_used = 0;
  Part gate, up, down;
  GateOp act;
  float scale = 1.0F;
  Slot in = Slot::xn;
  Slot out = Slot::x;
};
/// out += scale * in
struct AddOp {
  Slot in = Slot::xn;
  Slot out = Slot::x;
  float scale = 1.0F;
};
/// logits[o] = cap(scale * (W xn[output_rows[o]] + bias)), cap(z) = softcap * tanh(z / softcap) when softcap > 0
struct LogitsOp {
  WeightId weight = kNoWeight;  // matrix [vocab, dim]
  WeightId bias = kNoWeight;
  float scale = 1.0F;
  float softcap = 0;
};

using Op = std::variant<EmbedOp, NormOp, LinearOp, HeadsLinearOp, RopeStoreOp, AttendOp, GateOp, RouteOp, ExpertsOp,
                        AddOp, LogitsOp>;

/// "linear", "attend", ...: for traces, profiles and errors.
std::string_view op_name(const Op& op);

struct Step {
  Op op;
  int layer = -1;         // -1: before or after the layers
  std::string_view role;  // "attn.q", "ffn.down": static storage, for traces and errors
};

/// A weight that the plan needs: rows [first_row, first_row + rows) of a matrix in the file's own format, or of a
/// vector the values [first_row, first_row + cols). The tensor must have the shape `shape`.
struct WeightDecl {
  std::string name;  // canonical (GGUF) name of the tensor: "blk.0.attn_q.weight"
  std::int64_t rows = 1;
  std::int64_t cols = 0;
  bool is_vector = false;  // given to the backend decoded to float
  std::int64_t first_row = 0;
  std::vector<std::int64_t> shape;  // empty: [rows, cols], of a vector [cols]
};

struct Plan {
  ModelSpec spec;
  std::vector<WeightDecl> weights;
  std::vector<Step> steps;
  std::array<int, kSlots> widths{};  // floats a token has in each slot, at most
  int n_kv_groups = 1;

  int width(Slot slot) const { return widths[static_cast<std::size_t>(slot)]; }
};

/// Which optional weights a checkpoint has: asked while the plan is made ("is there blk.0.attn_q.bias?").
class WeightNames {
 public:
  virtual ~WeightNames() = default;
  virtual bool has(std::string_view canonical_name) const = 0;
};

/// The spec must have been validated (validate(spec)).
Result<Plan> make_plan(const ModelSpec& spec, const WeightNames& names);

/// Ranges and consistency of every number of a spec, whatever family made it.
Status validate(const ModelSpec& spec, const std::string& source);

/// The plan as text, one step a line: for `llorch inspect`.
std::string to_string(const Plan& plan);

}  // namespace llorch
