// What most decoder-only families share: sizes, heads and feed-forward widths under their usual keys. A family's file
// calls this first and then changes what is its own.
#pragma once

#include <functional>

#include "base/result.h"
#include "model/source.h"
#include "model/spec.h"

namespace llorch {

/// dim, vocab, context, eps, and as many layers as there are, each with the feed-forward's width and activation.
/// `defaults`: what counts where no key tells it; 0: the key must be there.
struct SizeDefaults {
  int ff_per_dim = 0;
  int context = 0;
};
Result<ModelSpec> read_sizes(const ModelSource& source, NormKind norm, const SizeDefaults& defaults = {});

/// read_sizes() and one LayerSpec copied to every layer: heads, head_dim, 1/sqrt(head_dim), the rope of `rope_kind`
/// over the channels that rotate.
Result<ModelSpec> read_common(const ModelSource& source, RopeKind rope_kind, NormKind norm = NormKind::rms,
                              const SizeDefaults& defaults = {});

/// The activation of all layers, unless a config.json has named one.
void default_act(const ModelSource& source, ModelSpec& spec, Act act);

/// Makes every layer one of Moe::n_experts experts, if the model has them: counts, width, and softmax over all with the
/// chosen weights normed, as most have it.
Status read_moe(const ModelSource& source, ModelSpec& spec);

/// Sets the window of the layers for which `is_windowed(layer)`; config.json's layer_types overrules it. The width is
/// the key's, or `fallback` (0: the key must be there).
Status read_windows(const ModelSource& source, ModelSpec& spec, int fallback,
                    const std::function<bool(int layer)>& is_windowed);

/// Qwen's config.json always carries a window, which counts only when use_sliding_window says so, and from layer
/// max_window_layers on.
Status read_qwen_windows(const ModelSource& source, ModelSpec& spec);

/// Applies `change` to every layer.
void for_layers(ModelSpec& spec, const std::function<void(LayerSpec&)>& change);

/// A number of the spec as float.
Result<float> read_scale(const ModelSource& source, std::string_view key, double fallback);

}  // namespace llorch
