// Other layouts of the same model give the same bits: experts in tensors of their own or with gate and up in one, and
// DeepSeek's k_b and v_b in one.
#include <gtest/gtest.h>

#include "families/rebuilt.h"

namespace llorch::testing {
namespace {

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
  join_kv_b(model);
  EXPECT_EQ(model.logits(), want);
}

}  // namespace
}  // namespace llorch::testing
