// Metadata -> spec -> plan -> weights, on checkpoints made by hand: what is read, and what is refused with which
// sentence.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "model/family.h"
#include "model/plan.h"

namespace llorch {
namespace {

constexpr NameTables kLlamaNames{.architecture = "llama"};

/// A checkpoint in memory: 2 layers, dim 8, 4 heads on 2 KV heads, ff 12, vocab 16.
class TinyModel {
 public:
  explicit TinyModel(Container container = Container::gguf) {
    checkpoint_.container = container;
    checkpoint_.path = "tiny.gguf";
    checkpoint_.metadata = Metadata("tiny.gguf");
    set("general.architecture", std::string("llama"));
    set("llama.context_length", std::int64_t{64});
    set("llama.embedding_length", std::int64_t{8});
    set("llama.block_count", std::int64_t{2});
    set("llama.feed_forward_length", std::int64_t{12});
    set("llama.attention.head_count", std::int64_t{4});
    set("llama.attention.head_count_kv", std::int64_t{2});
    set("llama.attention.layer_norm_rms_epsilon", 1e-5);
    add("token_embd.weight", {16, 8});
    add("output_norm.weight", {8});
    for (const char* layer : {"blk.0.", "blk.1."}) {
      const std::string l(layer);
      add(l + "attn_norm.weight", {8});
      add(l + "attn_q.weight", {8, 8});
      add(l + "attn_k.weight", {4, 8});
      add(l + "attn_v.weight", {4, 8});
      add(l + "attn_output.weight", {8, 8});
      add(l + "ffn_norm.weight", {8});
      add(l + "ffn_gate.weight", {12, 8});
      add(l + "ffn_up.weight", {12, 8});
      add(l + "ffn_down.weight", {8, 12});
    }
  }

  /// Sets or replaces a key.
  TinyModel& set(const std::string& key, MetaValue value) {
    Metadata next(checkpoint_.metadata.source());
    for (const auto& [name, old] : checkpoint_.metadata.all()) {
      if (name != key) {
        EXPECT_TRUE(next.set(name, old));
      }
    }
    EXPECT_TRUE(next.set(key, std::move(value)));
    checkpoint_.metadata = std::move(next);
    return *this;
  }
  std::vector<float>& add(const std::string& name, std::vector<std::int64_t> shape) {
    std::size_t n = 1;
    for (const std::int64_t d : shape) {
      n *= static_cast<std::size_t>(d);
    }
    std::vector<float>& values = storage_[name] = std::vector<float>(n, 0.5F);
    checkpoint_.tensors[name] = Tensor{.name = name,
                                       .type = DType::f32,
                                       .shape = std::move(shape),
                                       .data = std::as_bytes(std::span(values)),
                                       .file = "tiny.gguf",
                                       .file_offset = 1000};
    return values;
  }
  void drop(const std::string& name) { checkpoint_.tensors.erase(name); }

  Result<ModelSpec> spec() const { return make_spec(ModelSource(checkpoint_, kLlamaNames, 0)); }
  Result<Plan> plan() const {
    const ModelSource source(checkpoint_, kLlamaNames, 0);
    LL_ASSIGN(const ModelSpec spec, make_spec(source));
    return make_plan(spec, source);
  }
  Status bind() const {
    const ModelSource source(checkpoint_, kLlamaNames, 0);
    LL_ASSIGN(const ModelSpec spec, make_spec(source));
    LL_ASSIGN(const Plan plan, make_plan(spec, source));
    LL_TRY(bind_weights(source, plan));
    return {};
  }

 private:
  Checkpoint checkpoint_;
  std::map<std::string, std::vector<float>> storage_;
};

void expect_refused(const TinyModel& model, const std::string& part) {
  const Status status = model.bind();
  ASSERT_FALSE(status.ok()) << "expected: " << part;
  EXPECT_EQ(status.error().code, ErrorCode::model_file);
  EXPECT_NE(status.error().message.find(part), std::string::npos) << status.error().message;
  EXPECT_NE(status.error().message.find("tiny.gguf"), std::string::npos) << status.error().message;
}

TEST(Model, ReadsALlama) {
  const ModelSpec spec = TinyModel().spec().value();
  EXPECT_EQ(spec.dim, 8);
  EXPECT_EQ(spec.vocab, 16);
  EXPECT_EQ(spec.layers.size(), 2U);
  EXPECT_EQ(spec.layers[0].head_dim, 2);
  EXPECT_EQ(spec.layers[0].rope.kind, RopeKind::adjacent);
  EXPECT_FLOAT_EQ(spec.layers[0].attn_scale, 1 / std::sqrt(2.0F));
  EXPECT_TRUE(TinyModel().bind().ok());
}

TEST(Model, PlanNamesEveryStepAndTiesTheOutput) {
  const Plan plan = TinyModel().plan().value();
  EXPECT_EQ(plan.steps.size(), 1 + 2 * 12 + 2U);
  EXPECT_EQ(plan.steps.front().role, "embed");
  const auto& logits = std::get<LogitsOp>(plan.steps.back().op);
  EXPECT_EQ(plan.weights[static_cast<std::size_t>(logits.weight)].name, "token_embd.weight");
  EXPECT_EQ(plan.width(Slot::k), 4);
  EXPECT_EQ(plan.width(Slot::gate), 12);

  TinyModel untied;
  untied.add("output.weight", {16, 8});
  untied.add("blk.1.attn_q.bias", {8});
  const Plan other = untied.plan().value();
  EXPECT_EQ(other.weights[static_cast<std::size_t>(std::get<LogitsOp>(other.steps.back().op).weight)].name,
            "output.weight");
  EXPECT_EQ(other.weights.size(), plan.weights.size() + 2);
}

TEST(Model, RopeScalingBecomesFactors) {
  TinyModel linear;
  linear.set("llama.rope.scaling.type", std::string("linear")).set("llama.rope.scaling.factor", 4.0);
  EXPECT_EQ(linear.spec().value().layers[0].rope.factors, std::vector<float>(1, 4.0F));
  TinyModel off;
  off.set("llama.rope.scaling.type", std::string("none")).set("llama.rope.scaling.factor", 4.0);
  EXPECT_TRUE(off.spec().value().layers[0].rope.factors.empty());
  TinyModel tensor;
  tensor.add("rope_freqs.weight", {1})[0] = 8.0F;
  EXPECT_EQ(tensor.spec().value().layers[0].rope.factors, std::vector<float>(1, 8.0F));
  TinyModel unknown;
  unknown.set("llama.rope.scaling.type", std::string("swirl"));
  expect_refused(unknown, "llama.rope.scaling.type is swirl: known are none, default, dynamic, linear, llama3, yarn");
}

TEST(Model, RefusesNumbersOutOfRangeByKey) {
  const std::int64_t hostile[] = {0, -1, INT64_MAX, INT64_MIN, std::int64_t{1} << 33};
  for (const char* key : {"llama.embedding_length", "llama.block_count", "llama.attention.head_count",
                          "llama.attention.head_count_kv", "llama.feed_forward_length", "llama.context_length"}) {
    for (const std::int64_t value : hostile) {
      expect_refused(TinyModel().set(key, value), key);
    }
    expect_refused(TinyModel().set(key, std::string("many")), key);
  }
  for (const double eps : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(), 1e30}) {
    expect_refused(TinyModel().set("llama.attention.layer_norm_rms_epsilon", eps), "layer_norm_rms_epsilon");
  }
  expect_refused(TinyModel().set("llama.attention.head_count_kv", std::int64_t{3}), "not a multiple of 3 KV heads");
  expect_refused(TinyModel().set("llama.attention.head_count", std::int64_t{3}), "not a multiple of");
  expect_refused(TinyModel().set("llama.rope.dimension_count", std::int64_t{4}), "above the head size");
  expect_refused(TinyModel().set("llama.vocab_size", std::int64_t{17}), "has 16 rows");
  expect_refused(TinyModel().set("llama.rope.freq_base", std::numeric_limits<double>::quiet_NaN()), "freq_base");
  expect_refused(TinyModel().set("llama.expert_count", std::int64_t{8}), "llama.expert_used_count is missing");
  expect_refused(TinyModel().set("llama.expert_count", std::int64_t{8}).set("llama.expert_used_count", std::int64_t{9}),
                 "llama.expert_used_count is 9");
  expect_refused(TinyModel().set("llama.attention.sliding_window", std::int64_t{-1}), "sliding_window is -1");
}

TEST(Model, RefusesTensorsThatDoNotFit) {
  TinyModel missing;
  missing.drop("blk.1.ffn_up.weight");
  expect_refused(missing, "tensor blk.1.ffn_up.weight is missing");
  TinyModel reshaped;
  reshaped.add("blk.0.attn_k.weight", {8, 4});
  expect_refused(reshaped, "tensor blk.0.attn_k.weight has the shape [8, 4], the model's sizes need [4, 8]");
  TinyModel flat;
  flat.add("token_embd.weight", {128});
  expect_refused(flat, "token_embd.weight");
}

TEST(Model, RefusesWeightsThatAreNotNumbersByOffset) {
  TinyModel model;
  model.add("blk.0.ffn_down.weight", {8, 12})[7] = std::numeric_limits<float>::quiet_NaN();
  expect_refused(model, "blk.0.ffn_down.weight holds a value that is NaN or infinite at offset 1028");
  TinyModel infinite;
  infinite.add("output_norm.weight", {8})[0] = -std::numeric_limits<float>::infinity();
  expect_refused(infinite, "output_norm.weight");
}

TEST(Model, RefusesAnUnknownArchitectureWithTheListOfThoseKnown) {
  expect_refused(TinyModel().set("general.architecture", std::string("mamba")),
                 "unknown architecture 'mamba'; known are llama, qwen2");
}

TEST(Model, PrintsSpecAndPlan) {
  EXPECT_NE(to_string(TinyModel().spec().value()).find("layers 0..1: heads=4 kv_heads=2"), std::string::npos);
  EXPECT_NE(to_string(TinyModel().plan().value()).find("attn.q"), std::string::npos);
}

}  // namespace
}  // namespace llorch
