// ModelSpec: what a model is, as numbers. A family (model/families/*.cpp) turns a checkpoint's metadata into one;
// plan.cpp turns it into the list of steps that a backend runs. No pointers, printable, comparable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace llorch {

enum class NormKind : std::uint8_t { rms, layer };
enum class RopeKind : std::uint8_t { none, adjacent, half };  // rotated pairs: (2i, 2i+1), or (i, i + dims/2)
enum class Act : std::uint8_t { silu, gelu_tanh };

/// Angle of pair i at position p: p * theta^(-2i/dims) / factors[i]; cos and sin are multiplied by `magnitude`.
struct Rope {
  RopeKind kind = RopeKind::none;
  int dims = 0;  // channels of a head that rotate, from channel 0
  double theta = 10000.0;
  float magnitude = 1.0F;
  std::vector<float> factors;  // [dims / 2], or empty: all 1 (linear scaling: all F)
  bool operator==(const Rope&) const = default;
};

struct LayerSpec {
  int n_heads = 0;
  int n_kv_heads = 0;
  int head_dim = 0;
  int window = 0;    // a query sees this many keys, itself included; 0: all
  int kv_group = 0;  // layers of one window share a KV group (a block table)
  Rope rope;
  float attn_scale = 0;
  float attn_softcap = 0;  // 0: none
  Act act = Act::silu;
  bool gated = true;
  int ff_dim = 0;
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
  float final_softcap = 0;        // 0: none
  std::vector<LayerSpec> layers;  // alternation is data
  bool operator==(const ModelSpec&) const = default;
};

/// The spec as text, equal layers folded into one line: for `llorch inspect` and for diffs.
std::string to_string(const ModelSpec& spec);

}  // namespace llorch
