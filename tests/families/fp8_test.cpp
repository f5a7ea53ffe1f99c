// FP8 models of SafeTensors give the bits of the same model with their weights decoded to F32, and damaged ones errors
// that name what is wrong.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "families/rebuilt.h"
#include "support/temp_dir.h"
#include "support/testdata.h"

namespace llorch::testing {
namespace {

enum class ScaleKind { tensor, row, block };

constexpr std::int64_t kBlockRows = 24;  // neither divides the sizes of the models
constexpr std::int64_t kBlockCols = 20;

/// A matrix as E4M3 values and a grid of scales.
struct Fp8 {
  std::vector<std::int64_t> shape, scale_shape;
  std::vector<float> values, scales, decoded;
};

Fp8 quantised(const std::vector<float>& weights, const std::vector<std::int64_t>& shape, ScaleKind kind) {
  const std::int64_t rows = shape[0];
  const std::int64_t cols = shape[1];
  const std::int64_t block_rows = kind == ScaleKind::tensor ? rows : kind == ScaleKind::row ? 1 : kBlockRows;
  const std::int64_t block_cols = kind == ScaleKind::block ? kBlockCols : cols;
  const std::int64_t n = (cols + block_cols - 1) / block_cols;
  Fp8 out{shape, {(rows + block_rows - 1) / block_rows, n}, {}, {}, {}};
  out.scales.assign(static_cast<std::size_t>(out.scale_shape[0] * n), 0.0F);
  const auto scale_at = [&](std::int64_t i) -> float& {
    return out.scales[static_cast<std::size_t>(i / cols / block_rows * n + i % cols / block_cols)];
  };
  for (std::int64_t i = 0; i < rows * cols; ++i) {
    scale_at(i) = std::max(scale_at(i), std::fabs(weights[static_cast<std::size_t>(i)]) / 448.0F);
  }
  const Format& e4m3 = format_of(DType::f8_e4m3);
  for (std::int64_t i = 0; i < rows * cols; ++i) {
    const float scaled = weights[static_cast<std::size_t>(i)] / scale_at(i);
    std::byte bits{};
    float value = 0;
    e4m3.encode(&scaled, &bits, 1);
    e4m3.decode(&bits, &value, 1);
    out.values.push_back(value);
    out.decoded.push_back(value * scale_at(i));
  }
  return out;
}

void configure(Checkpoint& checkpoint, bool blocks) {
  ASSERT_TRUE(checkpoint.metadata.set("quantization_config.quant_method", std::string("fp8")));
  if (blocks) {
    ASSERT_TRUE(checkpoint.metadata.set("quantization_config.weight_block_size",
                                        MetaArray(std::vector<std::int64_t>{kBlockRows, kBlockCols})));
  }
}

/// Every matrix of `model` as FP8, and of `plain` as what it decodes to.
void quantise(Rebuilt& model, Rebuilt& plain, ScaleKind kind) {
  const auto tensors = model.checkpoint.tensors;
  for (const auto& [name, tensor] : tensors) {
    if (tensor.shape.size() != 2) {
      continue;
    }
    const Fp8 fp8 = quantised(model.floats(name), tensor.shape, kind);
    model.add(name, fp8.shape, fp8.values, DType::f8_e4m3);
    model.add(name + (kind == ScaleKind::block ? "_scale_inv" : "_scale"), fp8.scale_shape, fp8.scales);
    model.add(name.substr(0, name.rfind('.')) + ".input_scale", {1}, {0.5F});
    plain.add(name, fp8.shape, fp8.decoded);
  }
  configure(model.checkpoint, kind == ScaleKind::block);
}

/// Dense, experts in tensors of their own, q, k and v in one.
TEST(Fp8, IsTheModelOfTheDecodedWeights) {
  for (const std::string name : {"llama", "mixtral", "qwen3moe", "phi3"}) {
    ASSERT_TRUE(has_hf(name));
    for (const ScaleKind kind : {ScaleKind::tensor, ScaleKind::row, ScaleKind::block}) {
      Rebuilt model(name, true);
      Rebuilt plain(name, true);
      quantise(model, plain, kind);
      EXPECT_EQ(model.logits(), plain.logits()) << name << " " << static_cast<int>(kind);
    }
  }
}

/// Latent attention: kv_b is decoded before it is taken apart.
TEST(Fp8, LatentAttention) {
  Rebuilt model("deepseek2");
  Rebuilt plain("deepseek2");
  join_kv_b(model);
  join_kv_b(plain);
  quantise(model, plain, ScaleKind::block);
  EXPECT_EQ(model.checkpoint.find("blk.1.attn_kv_b.weight")->type, DType::f8_e4m3);
  EXPECT_EQ(model.logits(), plain.logits());
}

TEST(Fp8, WithoutScalesTheValuesAreTheWeights) {
  for (const std::string family : {"llama", "mixtral"}) {
    Rebuilt model(family, true);
    Rebuilt plain(family, true);
    for (const auto& [name, tensor] : Rebuilt(family, true).checkpoint.tensors) {
      model.add(name, tensor.shape, model.floats(name), DType::f8_e4m3);
      plain.add(name, tensor.shape, model.floats(name));
    }
    EXPECT_EQ(model.logits(), plain.logits()) << family;
  }
}

/// Experts of one tensor are of one kind.
TEST(Fp8, ExpertsThatDifferAreNamed) {
  const std::string expert = "model.layers.0.block_sparse_moe.experts.1.w1.weight";
  Rebuilt model("mixtral", true);
  for (const auto& [name, tensor] : Rebuilt("mixtral", true).checkpoint.tensors) {
    model.add(name, tensor.shape, model.floats(name), DType::f8_e4m3);
  }
  model.add(expert + "_scale", {1}, {1});
  EXPECT_NE(model.fault().find(expert + " one has a scale, the other has none"), std::string::npos) << model.fault();
  model.drop(expert + "_scale");
  model.add(expert, model.shape(expert), model.floats(expert));
  EXPECT_NE(model.fault().find("tensor " + expert + " is F32, but "), std::string::npos) << model.fault();
}

/// BF16 scales, as some programs write them: the weight is the value times the scale that is there.
TEST(Fp8, ScalesInBf16) {
  Rebuilt model("llama", true);
  Rebuilt plain("llama", true);
  quantise(model, plain, ScaleKind::row);
  for (const auto& [name, tensor] : model.checkpoint.tensors) {
    if (tensor.type == DType::f8_e4m3) {
      const auto values = model.floats(name);
      model.add(name + "_scale", {tensor.shape[0]}, model.floats(name + "_scale"), DType::bf16);
      const auto scales = model.floats(name + "_scale");
      std::vector<float> decoded;
      for (std::size_t i = 0; i < values.size(); ++i) {
        decoded.push_back(values[i] * scales[i / static_cast<std::size_t>(tensor.shape[1])]);
      }
      plain.add(name, tensor.shape, decoded);
    }
  }
  EXPECT_EQ(model.logits(), plain.logits());
}

constexpr const char* kUp = "model.layers.1.mlp.up_proj.weight";

/// What the load of llama says after `damage`; it must name the file.
std::string fault_of(ScaleKind kind, const std::function<void(Rebuilt&)>& damage) {
  Rebuilt model("llama", true);
  Rebuilt plain("llama", true);
  quantise(model, plain, kind);
  damage(model);
  return model.fault();
}

void expect_fault(const std::string& fault, const std::string& part) {
  EXPECT_NE(fault.find(part), std::string::npos) << fault;
}

TEST(Fp8, DamageIsNamed) {
  const std::string up = kUp;
  expect_fault(fault_of(ScaleKind::tensor, [&](Rebuilt& m) { m.drop(up + "_scale"); }),
               "model: tensor " + up + " is F8_E4M3, but neither " + up + "_scale nor " + up + "_scale_inv is there");
  expect_fault(fault_of(ScaleKind::tensor, [&](Rebuilt& m) { m.add(up + "_scale_inv", {1}, {1}); }),
               up + " has two scales");
  expect_fault(fault_of(ScaleKind::block,
                        [&](Rebuilt& m) {
                          m.add(up + "_scale_inv", {2}, {1, 1});
                        }),
               "tensor " + up + "_scale_inv has the shape [2]");
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), 1e38F}) {
    expect_fault(fault_of(ScaleKind::tensor, [&](Rebuilt& m) { m.add(up + "_scale", {1}, {bad}); }),
                 "tensor " + up + "_scale holds " + (std::isnan(bad) ? "nan" : "1e+38") + " at place 0");
  }
  expect_fault(fault_of(ScaleKind::tensor, [&](Rebuilt& m) { m.add(up + "_scale", {1}, {1}, DType::f8_e4m3); }),
               up + "_scale is F8_E4M3, scales must be");
  expect_fault(fault_of(ScaleKind::tensor,
                        [&](Rebuilt& m) {
                          auto values = m.floats(up);
                          values[7] = std::numeric_limits<float>::quiet_NaN();
                          m.add(up, m.shape(up), values, DType::f8_e4m3);
                        }),
               "tensor " + up + " holds NaN (0x7f) at offset 7");
  expect_fault(fault_of(ScaleKind::tensor, [](Rebuilt& m) { m.add("model.norm.input_scale", {1}, {1}); }),
               "model.norm.input_scale is no part");
  for (const std::int64_t size : {std::int64_t{0}, INT64_MAX}) {
    expect_fault(fault_of(ScaleKind::tensor,
                          [size](Rebuilt& m) {
                            ASSERT_TRUE(m.checkpoint.metadata.set("quantization_config.weight_block_size",
                                                                  MetaArray(std::vector<std::int64_t>{128, size})));
                          }),
                 "quantization_config.weight_block_size is");
  }
}

/// A directory on disk: the same tensors through config.json and a .safetensors file.
class Fp8Directory {
 public:
  explicit Fp8Directory(const Checkpoint& checkpoint) {
    nlohmann::json header;
    std::string data;
    for (const auto& [name, tensor] : checkpoint.tensors) {
      header[name] = {{"dtype", std::string(format_of(tensor.type).name)},
                      {"shape", tensor.shape},
                      {"data_offsets", {data.size(), data.size() + tensor.data.size()}}};
      data.append(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size());
    }
    const std::string text = header.dump();
    const std::uint64_t length = text.size();
    std::ofstream file(dir_.path() + "/model.safetensors", std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file << text << data;
    auto config = nlohmann::json::parse(read_file(data_dir() + "/families/llama/hf/config.json"));
    config["quantization_config"] = {
        {"quant_method", "fp8"}, {"activation_scheme", "dynamic"}, {"weight_block_size", {kBlockRows, kBlockCols}}};
    std::ofstream(dir_.path() + "/config.json") << config.dump();
  }
  std::string path() const { return dir_.path(); }

 private:
  TempDir dir_;
};

TEST(Fp8, FromADirectory) {
  Rebuilt model("llama", true);
  Rebuilt plain("llama", true);
  quantise(model, plain, ScaleKind::block);
  const Fp8Directory directory(model.checkpoint);
  auto opened = open_checkpoint(directory.path());
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened->find(kUp)->type, DType::f8_e4m3);
  model.checkpoint = *std::move(opened);
  EXPECT_EQ(model.logits(), plain.logits());
}

}  // namespace
}  // namespace llorch::testing
