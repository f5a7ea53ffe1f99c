#include "model/spec.h"

#include <fmt/format.h>

namespace llorch {
namespace {

const char* name_of(RopeKind kind) {
  switch (kind) {
    case RopeKind::none:
      return "none";
    case RopeKind::adjacent:
      return "adjacent";
    case RopeKind::half:
      return "half";
  }
  return "?";
}

std::string describe(const Rope& rope) {
  if (rope.kind == RopeKind::none) {
    return "none";
  }
  std::string text = fmt::format("{} dims={} theta={}", name_of(rope.kind), rope.dims, rope.theta);
  if (!rope.factors.empty()) {
    text += fmt::format(" factors=[{}..{}]", rope.factors.front(), rope.factors.back());
  }
  return rope.magnitude == 1.0F ? text : text + fmt::format(" magnitude={}", rope.magnitude);
}

std::string describe(const LayerSpec& l) {
  std::string text = fmt::format("heads={} kv_heads={} head_dim={} ff_dim={} act={}{} attn_scale={}", l.n_heads,
                                 l.n_kv_heads, l.head_dim, l.ff_dim, l.gated ? "gated " : "",
                                 l.act == Act::silu ? "silu" : "gelu_tanh", l.attn_scale);
  if (l.window > 0) {
    text += fmt::format(" window={} kv_group={}", l.window, l.kv_group);
  }
  if (l.attn_softcap > 0) {
    text += fmt::format(" softcap={}", l.attn_softcap);
  }
  return text + " rope: " + describe(l.rope);
}

}  // namespace

std::string to_string(const ModelSpec& spec) {
  std::string text = fmt::format("{}: dim={} vocab={} layers={} max_context={} norm={} eps={}\n", spec.architecture,
                                 spec.dim, spec.vocab, spec.layers.size(), spec.max_context,
                                 spec.norm == NormKind::rms ? "rms" : "layer", spec.norm_eps);
  text += fmt::format("scales: embed={} residual={} logit={} final_softcap={}\n", spec.embed_scale, spec.residual_scale,
                      spec.logit_scale, spec.final_softcap);
  for (std::size_t first = 0; first < spec.layers.size();) {
    std::size_t end = first + 1;
    while (end < spec.layers.size() && spec.layers[end] == spec.layers[first]) {
      ++end;
    }
    text += fmt::format("layers {}..{}: {}\n", first, end - 1, describe(spec.layers[first]));
    first = end;
  }
  return text;
}

}  // namespace llorch
