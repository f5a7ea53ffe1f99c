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

/// Activation buffers of one batch, float, each [n_tokens, width of the slot]. `logits` has a row per output row.
enum class Slot : std::uint8_t { x, xn, q, k, v, att, gate, up, none };
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
/// Rows of `groups` groups, each of width(in) / groups channels normalised alone: groups 1 is the whole row, n_heads is
/// per head. The weight has one group's width. In place when in == out.
struct NormOp {
  NormKind kind = NormKind::rms;
  WeightId weight = kNoWeight;
  WeightId bias = kNoWeight;
  float eps = 0;
  int groups = 1;
  Slot in = Slot::x;
  Slot out = Slot::xn;
};
/// y = W in + bias; then out = y, or with `accumulate` out += scale * y (the residual add).
struct LinearOp {
  WeightId weight = kNoWeight;  // matrix [width(out), width(in)]
  WeightId bias = kNoWeight;
  Slot in = Slot::xn;
  Slot out = Slot::x;
  bool accumulate = false;
  float scale = 1.0F;
};
/// Rotates q and k by position, in place, and writes k and v of each token to its KV slot.
struct RopeStoreOp {
  int n_heads = 0;
  int n_kv_heads = 0;
  int head_dim = 0;
  int kv_group = 0;
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
};
/// gate = act(gate) * up, or act(gate) when not gated.
struct GateOp {
  Act act = Act::silu;
  bool gated = true;
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

using Op = std::variant<EmbedOp, NormOp, LinearOp, RopeStoreOp, AttendOp, GateOp, AddOp, LogitsOp>;

/// "linear", "attend", ...: for traces, profiles and errors.
std::string_view op_name(const Op& op);

struct Step {
  Op op;
  int layer = -1;         // -1: before or after the layers
  std::string_view role;  // "attn.q", "ffn.down": static storage, for traces and errors
};

/// A weight that the plan needs: a matrix [rows, cols] in the file's own format, or a float vector [cols] (rows == 1).
struct WeightDecl {
  std::string name;  // canonical (GGUF) name: "blk.0.attn_q.weight"
  std::int64_t rows = 1;
  std::int64_t cols = 0;
  bool is_vector = false;  // given to the backend decoded to float
};

struct Plan {
  ModelSpec spec;
  std::vector<WeightDecl> weights;
  std::vector<Step> steps;
  std::array<int, kSlots> widths{};  // floats a token has in each slot
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
