// ModelSpec: what a model is, as numbers. A family (model/families/*.cpp) turns a checkpoint's metadata into one;
// make_plan() turns it into the list of steps that a backend runs. No pointers, printable, comparable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llorch {

enum class NormKind : std::uint8_t { rms, layer };
enum class RopeKind : std::uint8_t { none, adjacent, half };  // rotated pairs: (2i, 2i+1), or (i, i + dims/2)
enum class Act : std::uint8_t { silu, gelu_tanh, gelu_erf };
/// Norm of q and k before they are rotated: none, each head by one weight [head_dim], each head by its own weight
/// [heads, head_dim], or the whole row [heads * head_dim].
enum class QkNorm : std::uint8_t { none, head, own_head, row };
/// sequential: x += attn(n1 x), then x += ffn(n2 x). parallel: x += attn(n1 x) + ffn(n x), n being n1 or n2.
enum class Residual : std::uint8_t { sequential, parallel_one_norm, parallel_two_norms };
/// Scores of experts: softmax over all, sigmoid, or softmax over the chosen ones.
enum class Gating : std::uint8_t { softmax, sigmoid, softmax_of_chosen };

std::string_view to_string(RopeKind kind);
std::string_view to_string(Act act);
std::string_view to_string(Gating gating);

/// Angle of pair i at position p: p * theta^(-2i/dims) / factors[i]; cos and sin are multiplied by `magnitude`.
struct Rope {
  RopeKind kind = RopeKind::none;
  int dims = 0;    // channels of a head that rotate
  int offset = 0;  // the first of them
  double theta = 10000.0;
  float magnitude = 1.0F;
  std::vector<float> factors;  // [dims / 2], or empty: all 1 (linear scaling: all F)
  bool operator==(const Rope&) const = default;
};

/// A mixture of experts in place of a layer's feed-forward. n_experts 0: none.
struct Moe {
  int n_experts = 0;
  int n_used = 0;      // experts of a token
  int ff_dim = 0;      // of one expert
  int shared_dim = 0;  // of the expert that every token passes; 0: none
  int n_groups = 1;    // experts are chosen from the best `groups_used` of these
  int groups_used = 1;
  int group_best = 2;  // a group's score is the sum of this many of its best experts: 1 or 2
  Gating gating = Gating::softmax;
  bool norm_chosen = false;  // weights of the chosen experts are divided by their sum
  float scale = 1.0F;        // and multiplied by this
  bool operator==(const Moe&) const = default;
};

/// Multi-head latent attention: the cache holds one row [kv_rank + rope_dims] a token. kv_rank 0: ordinary attention.
struct Mla {
  int q_rank = 0;  // 0: q is one product
  int kv_rank = 0;
  int nope_dim = 0;  // channels of a head's q and k that do not rotate
  int v_dim = 0;     // of a head
  bool operator==(const Mla&) const = default;
};

struct LayerSpec {
  int n_heads = 0;
  int n_kv_heads = 0;
  int head_dim = 0;  // with Mla: kv_rank + rope.dims
  int window = 0;    // a query sees this many keys, itself included; 0: all
  int kv_group = 0;  // layers of one window share a KV group (a block table); set by assign_kv_groups()
  Rope rope;
  float attn_scale = 0;
  float attn_softcap = 0;  // 0: none
  QkNorm qk_norm = QkNorm::none;
  bool sinks = false;       // a logit per head joins the softmax and carries no value
  bool pre_norms = true;    // of what attention and feed-forward read
  bool post_norms = false;  // of what they add
  Residual residual = Residual::sequential;
  Act act = Act::silu;
  bool gated = true;
  float act_limit = 0;  // above 0: down(g sigmoid(alpha g) (u + 1)) of the clamped g <= limit, |u| <= limit
  float act_alpha = 0;
  int ff_dim = 0;
  Moe moe;
  Mla mla;
  bool operator==(const LayerSpec&) const = default;
};

struct ModelSpec {
  std::string architecture;  // for messages and listings only: nothing outside the family's file tests it
  int dim = 0;
  int vocab = 0;
  int max_context = 0;  // tokens the model was made for
  NormKind norm = NormKind::rms;
  float norm_eps = 0;
  float embed_scale = 1.0F;
  float residual_scale = 1.0F;
  float logit_scale = 1.0F;
  float final_softcap = 0;         // 0: none
  bool learned_positions = false;  // a row of position_embd is added to each token's
  std::vector<LayerSpec> layers;   // alternation is data
  bool operator==(const ModelSpec&) const = default;
};

/// Layers of one window get one KV group: those that see all tokens group 0 (if there are any), then in the order in
/// which the windows occur.
void assign_kv_groups(ModelSpec& spec);

/// The spec as text, equal layers folded into one line: for `llorch inspect` and for diffs.
std::string to_string(const ModelSpec& spec);

}  // namespace llorch
