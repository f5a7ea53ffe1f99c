// Each golden model with one thing wrong: every key at twelve hostile values and missing, every tensor missing,
// renamed, reshaped. Each must be refused by a typed error that names the file, or run.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "backend/testing/tiny_model.h"
#include "families/golden_models.h"

namespace llorch::testing {
namespace {

const std::vector<MetaValue>& hostile_values() {
  static const std::vector<MetaValue> kValues = {std::int64_t{0},
                                                 std::int64_t{-1},
                                                 std::int64_t{1},
                                                 std::int64_t{3},
                                                 std::int64_t{1} << 31,
                                                 INT64_MAX,
                                                 INT64_MIN,
                                                 0.0,
                                                 std::numeric_limits<double>::quiet_NaN(),
                                                 std::numeric_limits<double>::infinity(),
                                                 std::string("x"),
                                                 true};
  return kValues;
}

/// `checkpoint` with `key` set to `value`, or without it.
void change_key(Checkpoint& checkpoint, const std::string& key, const MetaValue* value) {
  Metadata next(checkpoint.metadata.source());
  for (const auto& [name, old] : checkpoint.metadata.all()) {
    if (name != key) {
      ASSERT_TRUE(next.set(name, old));
    }
  }
  if (value != nullptr) {
    ASSERT_TRUE(next.set(key, *value));
  }
  checkpoint.metadata = std::move(next);
}

struct Count {
  int refused = 0;
  int ran = 0;
};

/// What looks at the weights without building them says the same.
void expect_checked_alike(const Checkpoint& checkpoint, const std::string& what) {
  const auto family = find_family(checkpoint);
  if (!family.ok()) {
    return;
  }
  const ModelSource source(checkpoint, (*family)->names, 0);
  const auto spec = make_spec(source);
  if (!spec.ok()) {
    return;
  }
  const auto plan = make_plan(*spec, source);
  if (!plan.ok()) {
    return;
  }
  const auto bound = bind_weights(source, *plan);
  const Status checked = check_weights(source, *plan);
  EXPECT_EQ(checked.ok() ? "" : checked.error().message, bound.ok() ? "" : bound.error().message) << what;
}

/// Loads it and, where that succeeds, runs a batch.
void try_model(const Checkpoint& checkpoint, const std::string& what, Count& count) {
  expect_checked_alike(checkpoint, what);
  auto model = load_golden(checkpoint, "cpu", {.n_threads = 1, .activations = Activations::f32});
  if (!model.ok()) {
    ++count.refused;
    const std::string& message = model.error().message;
    EXPECT_TRUE(model.error().code == ErrorCode::model_file || model.error().code == ErrorCode::out_of_memory) << what;
    EXPECT_NE(message.find("/families/"), std::string::npos) << what << ": " << message;
    EXPECT_LT(message.size(), 1000U) << what;
    return;
  }
  ++count.ran;
  TinyBlocks blocks(model->plan.n_kv_groups, 64, 3);
  TinySequence sequence = blocks.sequence(random_tokens(20, model->plan.spec.vocab, 4));
  TinyBatch batch(model->plan.n_kv_groups);
  batch.add(sequence, 20);
  std::vector<float> logits(20 * static_cast<std::size_t>(model->plan.spec.vocab));
  (void)model->backend->run(batch.batch(), {}, {.logits = logits, .sampled = {}});  // numbers, or an error
}

/// What a file may lack without being wrong: tied embeddings, scalings, a bias of the router that V2 does not have.
bool may_be_missing(const std::string& name) {
  return name == "output.weight" || name == "lm_head.weight" || name.rfind("rope_", 0) == 0 ||
         name.find("exp_probs_b") != std::string::npos;
}

class DamagedFamily : public ::testing::TestWithParam<std::string> {};

void damage_keys(const Checkpoint& good) {
  Count count;
  for (const auto& [key, old] : good.metadata.all()) {
    for (const MetaValue& value : hostile_values()) {
      Checkpoint bad = good;
      change_key(bad, key, &value);
      try_model(bad, key + " = " + to_string(value), count);
    }
    Checkpoint bad = good;
    change_key(bad, key, nullptr);
    try_model(bad, "no " + key, count);
  }
  EXPECT_GT(count.refused, 50);
}

void damage_tensors(const Checkpoint& good) {
  Count count;
  for (const auto& [name, tensor] : good.tensors) {
    Checkpoint bad = good;
    bad.tensors.erase(name);
    const int ran = count.ran;
    try_model(bad, "no " + name, count);
    EXPECT_TRUE(count.ran == ran || may_be_missing(name)) << "ran without " << name;
    Tensor renamed = tensor;
    renamed.name = name + "x";
    bad.tensors[renamed.name] = renamed;
    const int refused = count.refused;
    try_model(bad, name + " renamed", count);
    EXPECT_GT(count.refused, refused) << "ran with a renamed " << name;
    const std::vector<std::int64_t>& shape = tensor.shape;
    std::vector<std::vector<std::int64_t>> shapes = {{1, tensor.elements()}, {tensor.elements(), 1}};
    shapes.emplace_back(shape.rbegin(), shape.rend());
    shapes.push_back(shape);
    shapes.back().insert(shapes.back().begin(), 1);
    for (const auto& other : shapes) {
      if (other == shape || tensor.type != DType::f32) {
        continue;
      }
      Checkpoint reshaped = good;
      reshaped.tensors[name].shape = other;
      try_model(reshaped, name + " reshaped", count);
    }
  }
  EXPECT_GT(count.refused, count.ran);
}

TEST_P(DamagedFamily, Keys) {
  damage_keys(open_golden(GetParam()));
}

TEST_P(DamagedFamily, KeysOfConfigJson) {
  if (has_hf(GetParam())) {
    damage_keys(open_golden(GetParam(), true));
  }
}

TEST_P(DamagedFamily, TensorsOfSafeTensors) {
  if (has_hf(GetParam())) {
    damage_tensors(open_golden(GetParam(), true));
  }
}

TEST_P(DamagedFamily, Tensors) {
  damage_tensors(open_golden(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Hostile, DamagedFamily, ::testing::ValuesIn(golden_names()), [](const auto& param) {
  std::string name = param.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace llorch::testing
