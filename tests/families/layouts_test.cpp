// Other layouts of the same model give the same bits: experts in tensors of their own or with gate and up in one, and
// DeepSeek's k_b and v_b in one.
#include <gtest/gtest.h>

#include <cstring>

#include "backend/testing/tiny_model.h"
#include "families/golden_models.h"

namespace llorch::testing {
namespace {

/// A golden model whose tensors can be taken apart and put together.
class Rebuilt {
 public:
  explicit Rebuilt(const std::string& name) : checkpoint(open_golden(name)) {}

  std::vector<float> floats(const std::string& name) const {
    const Tensor& tensor = *checkpoint.find(name);
    std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
    std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
    return values;
  }
  void add(const std::string& name, std::vector<std::int64_t> shape, std::vector<float> values) {
    storage_.push_back(std::make_unique<std::vector<float>>(std::move(values)));
    checkpoint.tensors[name] = Tensor{.name = name,
                                      .type = DType::f32,
                                      .shape = std::move(shape),
                                      .data = std::as_bytes(std::span(*storage_.back())),
                                      .file = "model.gguf"};
  }
  void drop(const std::string& name) { checkpoint.tensors.erase(name); }
  std::vector<std::int64_t> shape(const std::string& name) const { return checkpoint.find(name)->shape; }

  std::vector<float> logits() const {
    auto model = load_golden(checkpoint, "ref", {.n_threads = 1, .activations = Activations::f32});
    EXPECT_TRUE(model.ok()) << model.error().message;
    TinyBlocks blocks(model->plan.n_kv_groups, 64, 3);
    TinySequence sequence = blocks.sequence(random_tokens(20, model->plan.spec.vocab, 4));
    TinyBatch batch(model->plan.n_kv_groups);
    batch.add(sequence, 20);
    return run_logits(*model->backend, batch.batch(), model->plan.spec.vocab);
  }

  Checkpoint checkpoint;

 private:
  std::vector<std::unique_ptr<std::vector<float>>> storage_;
};

std::vector<float> part(const std::vector<float>& all, std::int64_t begin, std::int64_t n) {
  return {all.begin() + begin, all.begin() + begin + n};
}

const std::vector<std::string> kLayers = {"blk.0.", "blk.1."};

TEST(Layouts, ExpertsInTensorsOfTheirOwn) {
  Rebuilt model("mixtral");
  const std::vector<float> want = model.logits();
  for (const std::string& layer : kLayers) {
    for (const std::string kind : {"ffn_gate", "ffn_up", "ffn_down"}) {
      const std::string name = layer + kind + "_exps.weight";
      const auto shape = model.shape(name);
      const std::vector<float> all = model.floats(name);
      const std::int64_t n = shape[1] * shape[2];
      for (std::int64_t e = 0; e < shape[0]; ++e) {
        model.add(layer + kind + "." + std::to_string(e) + ".weight", {shape[1], shape[2]}, part(all, e * n, n));
      }
      model.drop(name);
    }
  }
  EXPECT_EQ(model.logits(), want);
  model.drop("blk.1.ffn_up.2.weight");
  EXPECT_NE(load_golden(model.checkpoint, "ref", {}).error().message.find("blk.1.ffn_up.2.weight is missing"),
            std::string::npos);
}

TEST(Layouts, ExpertsWithGateAndUpInOne) {
  Rebuilt model("mixtral");
  const std::vector<float> want = model.logits();
  for (const std::string& layer : kLayers) {
    const auto shape = model.shape(layer + "ffn_gate_exps.weight");
    const std::vector<float> gate = model.floats(layer + "ffn_gate_exps.weight");
    const std::vector<float> up = model.floats(layer + "ffn_up_exps.weight");
    const std::int64_t n = shape[1] * shape[2];
    std::vector<float> both;
    for (std::int64_t e = 0; e < shape[0]; ++e) {
      both.insert(both.end(), gate.begin() + e * n, gate.begin() + (e + 1) * n);
      both.insert(both.end(), up.begin() + e * n, up.begin() + (e + 1) * n);
    }
    model.add(layer + "ffn_gate_up_exps.weight", {shape[0], 2 * shape[1], shape[2]}, std::move(both));
    model.drop(layer + "ffn_gate_exps.weight");
    model.drop(layer + "ffn_up_exps.weight");
  }
  EXPECT_EQ(model.logits(), want);
}

TEST(Layouts, OlderDeepSeekFiles) {
  Rebuilt model("deepseek2");
  const std::vector<float> want = model.logits();
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
  EXPECT_EQ(model.logits(), want);
}

}  // namespace
}  // namespace llorch::testing
