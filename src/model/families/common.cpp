#include "model/families/common.h"

#include <cmath>

#include "base/format.h"
#include "model/rope.h"

namespace llorch {
namespace {

constexpr int kMaxDim = 1 << 20;
constexpr int kMaxLayers = 4096;
constexpr int kMaxHeads = 1 << 16;

/// Rows of the embedding, unless a key says it: GGUF files need not have one.
Result<int> read_vocab(const ModelSource& source) {
  const Tensor* table = source.tensor("token_embd.weight");
  if (table == nullptr || table->shape.size() != 2) {
    return errorf(ErrorCode::model_file, "{}: tensor {} is missing or not a matrix", source.checkpoint().path,
                  source.tensor_name("token_embd.weight"));
  }
  const std::int64_t rows = table->shape[0];
  LL_ASSIGN(const int vocab,
            source.integer_or("vocab_size", static_cast<int>(std::min<std::int64_t>(rows, INT32_MAX)), 1, INT32_MAX));
  if (vocab != rows) {
    return errorf(ErrorCode::model_file, "{}: {} is {}, but tensor {} has {} rows",
                  source.checkpoint().metadata.source(), source.key("vocab_size"), vocab, table->name, rows);
  }
  return vocab;
}

}  // namespace

Result<ModelSpec> read_common(const ModelSource& source, RopeKind rope_kind) {
  ModelSpec spec;
  spec.architecture = source.architecture();
  LL_ASSIGN(spec.dim, source.integer("embedding_length", 1, kMaxDim));
  LL_ASSIGN(spec.vocab, read_vocab(source));
  LL_ASSIGN(spec.max_context, source.integer("context_length", 1, INT32_MAX));
  LL_ASSIGN(const double eps, source.number("attention.layer_norm_rms_epsilon", 1e-12, 1.0));
  spec.norm_eps = static_cast<float>(eps);

  LayerSpec layer;
  LL_ASSIGN(layer.n_heads, source.integer("attention.head_count", 1, kMaxHeads));
  LL_ASSIGN(layer.n_kv_heads, source.integer_or("attention.head_count_kv", layer.n_heads, 1, kMaxHeads));
  LL_ASSIGN(layer.head_dim, source.integer_or("attention.key_length", spec.dim / layer.n_heads, 1, kMaxDim));
  LL_ASSIGN(const int value_length, source.integer_or("attention.value_length", layer.head_dim, 1, kMaxDim));
  LL_ASSIGN(const int rope_dims, source.integer_or("rope.dimension_count", layer.head_dim, 1, kMaxDim));
  if (!source.has_key("attention.key_length") && spec.dim % layer.n_heads != 0) {
    return errorf(ErrorCode::model_file, "{}: {} {} is not a multiple of {} {}", source.checkpoint().metadata.source(),
                  source.key("embedding_length"), spec.dim, source.key("attention.head_count"), layer.n_heads);
  }
  if (value_length != layer.head_dim) {
    return errorf(ErrorCode::model_file, "{}: {} {} differs from the key length {}",
                  source.checkpoint().metadata.source(), source.key("attention.value_length"), value_length,
                  layer.head_dim);
  }
  if (rope_dims > layer.head_dim) {
    return errorf(ErrorCode::model_file, "{}: {} {} is above the head size {}", source.checkpoint().metadata.source(),
                  source.key("rope.dimension_count"), rope_dims, layer.head_dim);
  }
  LL_ASSIGN(layer.ff_dim, source.integer("feed_forward_length", 1, kMaxDim));
  LL_ASSIGN(layer.rope, read_rope(source, rope_kind, rope_dims));
  layer.attn_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(layer.head_dim)));
  LL_ASSIGN(const int n_layers, source.integer("block_count", 1, kMaxLayers));
  spec.layers.assign(static_cast<std::size_t>(n_layers), layer);
  return spec;
}

}  // namespace llorch
