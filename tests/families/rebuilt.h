// Rebuilt: a golden model in other layouts and formats, to compare its logits.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "backend/testing/tiny_model.h"
#include "base/check.h"
#include "families/golden_models.h"
#include "quant/formats.h"

namespace llorch::testing {

/// A golden model whose tensors can be taken apart and put together.
class Rebuilt {
 public:
  explicit Rebuilt(const std::string& name, bool hf = false) : checkpoint(open_golden(name, hf)) {}

  std::vector<float> floats(const std::string& name) const {
    const Tensor& tensor = *checkpoint.find(name);
    const Format& format = format_of(tensor.type);
    std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
    format.decode(tensor.data.data(), values.data(), tensor.elements() / format.block_len);
    return values;
  }
  /// `values` encoded as plain rounding does it.
  void add(const std::string& name, std::vector<std::int64_t> shape, const std::vector<float>& values,
           DType type = DType::f32) {
    const Format& format = format_of(type);
    LL_CHECK(format.encode != nullptr, "plain rounding does not make this format");
    const auto n = static_cast<std::int64_t>(values.size());
    storage_.push_back(std::make_unique<std::vector<std::byte>>(static_cast<std::size_t>(bytes_of(format, n))));
    format.encode(values.data(), storage_.back()->data(), n / format.block_len);
    checkpoint.tensors[name] =
        Tensor{.name = name, .type = type, .shape = std::move(shape), .data = *storage_.back(), .file = "model"};
  }
  void drop(const std::string& name) { checkpoint.tensors.erase(name); }
  std::vector<std::int64_t> shape(const std::string& name) const { return checkpoint.find(name)->shape; }

  /// Of 20 tokens, by the reference.
  std::vector<float> logits() const {
    auto model = load_golden(checkpoint, "ref", {.n_threads = 1, .activations = Activations::f32});
    EXPECT_TRUE(model.ok()) << model.error().message;
    TinyBlocks blocks(model->plan.n_kv_groups, 64, 3);
    TinySequence sequence = blocks.sequence(random_tokens(20, model->plan.spec.vocab, 4));
    TinyBatch batch(model->plan.n_kv_groups);
    batch.add(sequence, 20);
    return run_logits(*model->backend, batch.batch(), model->plan.spec.vocab);
  }

  /// Why it does not load.
  std::string fault() const {
    const auto model = load_golden(checkpoint, "ref", {});
    return model.ok() ? "" : model.error().message;
  }

  Checkpoint checkpoint;

 private:
  std::vector<std::unique_ptr<std::vector<std::byte>>> storage_;
};

/// The k_b and v_b of deepseek2's layers in one matrix, as Hugging Face directories and older GGUFs have them.
inline void join_kv_b(Rebuilt& model) {
  for (const std::string layer : {"blk.0.", "blk.1.", "blk.2."}) {
    const auto k_shape = model.shape(layer + "attn_k_b.weight");  // [heads, rank, nope]
    const auto v_shape = model.shape(layer + "attn_v_b.weight");  // [heads, v, rank]
    const std::vector<float> k = model.floats(layer + "attn_k_b.weight");
    const std::vector<float> v = model.floats(layer + "attn_v_b.weight");
    const std::int64_t rank = k_shape[1];
    const std::int64_t nope = k_shape[2];
    std::vector<float> both;  // for each head: nope rows of k, then those of v
    for (std::int64_t h = 0; h < k_shape[0]; ++h) {
      for (std::int64_t i = 0; i < nope; ++i) {
        for (std::int64_t r = 0; r < rank; ++r) {
          both.push_back(k[static_cast<std::size_t>((h * rank + r) * nope + i)]);
        }
      }
      const std::int64_t n = v_shape[1] * rank;
      both.insert(both.end(), v.begin() + h * n, v.begin() + (h + 1) * n);
    }
    model.add(layer + "attn_kv_b.weight", {k_shape[0] * (nope + v_shape[1]), rank}, std::move(both));
    model.drop(layer + "attn_k_b.weight");
    model.drop(layer + "attn_v_b.weight");
  }
}

}  // namespace llorch::testing
