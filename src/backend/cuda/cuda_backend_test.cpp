// The host's side of CUDA, against a driver that is none: what is launched, what is kept, and that any call may fail.
#include "backend/cuda/cuda_backend.h"

#include <gtest/gtest.h>

#include "backend/cuda/fake_driver.h"
#include "backend/testing/tiny_model.h"
#include "sampling/sampler.h"

namespace llorch::cuda {
namespace {

using testing::TinyBatch;
using testing::TinyBlocks;
using testing::TinyModel;
using testing::TinySequence;

std::unique_ptr<CudaBackend> make_backend(FakeState& state, const BackendOptions& options = {}) {
  return std::make_unique<CudaBackend>(
      std::make_unique<FakeDriver>(state), std::make_unique<FakeKernels>(state), "cuda:0", options,
      [](int) { return Status(); }, 0);
}

/// Some sequences that are run token by token.
class Sequences {
 public:
  Sequences(const TinyModel& model, int n) : model_(model), blocks_(model.plan().n_kv_groups, 64, 5) {
    for (int i = 0; i < n; ++i) {
      all_.push_back(blocks_.sequence(testing::random_tokens(40, model.vocab(), static_cast<std::uint32_t>(i))));
    }
  }
  /// The next `length` tokens of the first n sequences, every one an output; the tokens that the device drew: output o
  /// by params[o % params.size()].
  Status run(CudaBackend& backend, int n, int length, std::vector<std::int32_t>* drawn = nullptr,
             const std::vector<SamplingParams>& params = {{.temperature = 0}}, std::span<float> logits = {}) {
    TinyBatch tokens(model_.plan().n_kv_groups);
    for (int i = 0; i < n; ++i) {
      tokens.add(all_[static_cast<std::size_t>(i)], length);
    }
    const Batch batch = tokens.batch();
    std::vector<std::int32_t> sampled(static_cast<std::size_t>(batch.n_outputs()), -2);
    static const std::vector<std::int32_t> kHistory = {3, 5, 3, -1, 1 << 30, 3};
    std::vector<SampleSpec> samples;
    for (std::size_t o = 0; o < sampled.size(); ++o) {
      samples.push_back(
          {.params = params[o % params.size()], .position = static_cast<std::uint32_t>(o), .history = kHistory});
    }
    const Status status = backend.run(batch, samples, {.logits = logits, .sampled = sampled}, nullptr);
    if (drawn != nullptr) {
      *drawn = sampled;
    }
    return status;
  }

 private:
  const TinyModel& model_;
  TinyBlocks blocks_;
  std::vector<TinySequence> all_;
};

TEST(CudaHost, GivesEverythingBack) {
  FakeState state;
  const TinyModel model(DType::q8_0);
  {
    auto backend = make_backend(state);
    ASSERT_TRUE(backend->load(model.plan(), model, testing::tiny_kv(model.plan())).ok());
    EXPECT_TRUE(backend->check_resident().ok());
    EXPECT_GT(backend->memory().model_bytes, 0);
    EXPECT_TRUE(backend->memory().is_apart);
    Sequences sequences(model, 3);
    std::vector<std::int32_t> drawn;
    ASSERT_TRUE(sequences.run(*backend, 3, 5, &drawn).ok());
    EXPECT_EQ(drawn, std::vector<std::int32_t>(15, 7));
    state.resident = false;
    EXPECT_EQ(backend->check_resident().error().code, ErrorCode::device);
  }
  EXPECT_TRUE(state.memory.empty());
  EXPECT_TRUE(state.handles.empty());
}

TEST(CudaHost, NeighboursGoTogether) {
  FakeState state;
  const TinyModel model(DType::q8_0);
  auto backend = make_backend(state);
  ASSERT_TRUE(backend->load(model.plan(), model, testing::tiny_kv(model.plan())).ok());
  state.names.clear();
  Sequences sequences(model, 1);
  ASSERT_TRUE(sequences.run(*backend, 1, 3).ok());
  const auto count = [&](const char* name) { return std::count(state.names.begin(), state.names.end(), name); };
  EXPECT_EQ(count("linear3"), 2) << "q, k and v of each layer";
  EXPECT_EQ(count("linear2"), 2) << "gate and up";
  EXPECT_EQ(count("gate_packed"), 2);
  EXPECT_GE(count("norm_packed"), 4);
  EXPECT_EQ(count("angles"), 2) << "once for each of two ropes";
}

TEST(CudaHost, ASecondStepOfAShapeBecomesAGraph) {
  FakeState state;
  const TinyModel model(DType::bf16);
  auto backend = make_backend(state);
  ASSERT_TRUE(backend->load(model.plan(), model, testing::tiny_kv(model.plan())).ok());
  Sequences sequences(model, 5);
  ASSERT_TRUE(sequences.run(*backend, 5, 4).ok());
  EXPECT_EQ(backend->n_graphs(), 0U) << "a prompt is none";
  ASSERT_TRUE(sequences.run(*backend, 5, 1).ok());
  EXPECT_EQ(backend->n_graphs(), 1U);
  EXPECT_EQ(state.n_graph_launches, 0);
  ASSERT_TRUE(sequences.run(*backend, 5, 1).ok());
  EXPECT_EQ(state.n_graph_launches, 1);
  const int launches = state.n_launches;
  for (int i = 0; i < 3; ++i) {
    std::vector<std::int32_t> drawn;
    ASSERT_TRUE(sequences.run(*backend, 5, 1, &drawn).ok());
    EXPECT_EQ(drawn.size(), 5U);
  }
  EXPECT_EQ(state.n_graph_launches, 4);
  EXPECT_EQ(state.n_launches, launches) << "a graph launches nothing anew";
  ASSERT_TRUE(sequences.run(*backend, 4, 1).ok());
  EXPECT_EQ(backend->n_graphs(), 2U) << "4 and 5 sequences are buckets of 4 and 8";
}

TEST(CudaHost, DrawsAreTheDevices) {
  FakeState state;
  const TinyModel model(DType::bf16);
  auto backend = make_backend(state);
  ASSERT_TRUE(backend->load(model.plan(), model, testing::tiny_kv(model.plan())).ok());
  Sequences sequences(model, 3);
  const std::vector<SamplingParams> params = {
      {.temperature = 0}, {.top_k = 40, .min_p = 0.5F, .seed = 7}, {.temperature = 0, .frequency_penalty = 0.5F}};
  std::vector<std::int32_t> drawn;
  std::vector<float> logits(static_cast<std::size_t>(3 * model.vocab()), 5.0F);
  ASSERT_TRUE(sequences.run(*backend, 3, 1, &drawn, params, logits).ok());
  EXPECT_EQ(drawn, (std::vector<std::int32_t>{7, 9, 9}));
  EXPECT_EQ(std::count(logits.begin(), logits.end(), kDrawnOver), 0) << "fetched before they change";
  ASSERT_EQ(state.draws.size(), 2U);
  EXPECT_EQ(state.draws[0].row, 1);
  EXPECT_EQ(state.draws[0].top_k, 40);
  EXPECT_EQ(state.draws[0].share, 0.5);
  EXPECT_EQ(state.draws[0].uniform, uniform_draw(7, 0, 1));
  EXPECT_EQ(state.draws[0].n_counts, 0);
  EXPECT_EQ(state.draws[1].row, 2);
  ASSERT_EQ(state.counts.size(), 2U);
  EXPECT_EQ(state.counts[0].id, 3);
  EXPECT_EQ(state.counts[0].count, 3);
  EXPECT_EQ(state.counts[1].id, 5);
  EXPECT_EQ(state.counts[1].count, 1);
  state.draws.clear();
  for (int i = 0; i < 2; ++i) {  // by hand, then as a graph: draws are behind it
    ASSERT_TRUE(sequences.run(*backend, 3, 1, &drawn, params).ok());
    EXPECT_EQ(drawn, (std::vector<std::int32_t>{7, 9, 9}));
  }
  EXPECT_EQ(state.n_graph_launches, 2);
  EXPECT_EQ(state.draws.size(), 4U);
}

/// The n-th call fails, for every n: an error, no crash, nothing left behind.
TEST(CudaHost, AnyCallMayFail) {
  const TinyModel model(DType::q4_0);
  int n_failed = 0;
  for (int n = 0;; ++n) {
    FakeState state;
    state.fail_at = n;
    bool failed = false;
    {
      auto backend = make_backend(state);
      const Status loaded = backend->load(model.plan(), model, testing::tiny_kv(model.plan()));
      failed = !loaded.ok();
      Sequences sequences(model, 2);
      for (int i = 0; i < 4 && loaded.ok(); ++i) {
        failed =
            !sequences.run(*backend, 2, i == 0 ? 3 : 1, nullptr, {{.temperature = 0}, {.presence_penalty = 1}}).ok() ||
            failed;
      }
      failed = !backend->check_resident().ok() || failed;
    }
    EXPECT_TRUE(state.memory.empty()) << "call " << n;
    EXPECT_TRUE(state.handles.empty()) << "call " << n;
    if (state.n_calls <= n) {
      EXPECT_FALSE(failed);
      break;
    }
    n_failed += failed ? 1 : 0;
  }
  EXPECT_GT(n_failed, 100);
}

TEST(CudaHost, AModelThatDoesNotFitIsRefusedBeforeAByteIsCopied) {
  FakeState state;
  state.free_bytes = 1 << 20;
  const TinyModel model(DType::q8_0);
  auto backend = make_backend(state);
  const Status status = backend->load(model.plan(), model, testing::tiny_kv(model.plan()));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::out_of_memory);
  for (const char* part : {"weights", "KV cache", "activations", "logits", "1048576 of 1048576 are free"}) {
    EXPECT_NE(status.error().message.find(part), std::string::npos) << status.error().message;
  }
  EXPECT_EQ(state.n_copies_to_device, 0);
  EXPECT_TRUE(state.memory.empty());
}

/// Says of every matrix that it is in another format.
class Disguised : public WeightSource {
 public:
  explicit Disguised(const TinyModel& model) : model_(model) {}
  Result<MatrixView> matrix(WeightId id) const override {
    LL_ASSIGN(MatrixView view, model_.matrix(id));
    view.type = DType::q2_k;
    return view;
  }
  Result<std::vector<float>> vector(WeightId id) const override { return model_.vector(id); }

 private:
  const TinyModel& model_;
};

TEST(CudaHost, AFormatWithoutKernelsIsRefusedByName) {
  FakeState state;
  const TinyModel model(DType::f32);
  auto backend = make_backend(state);
  const Status status = backend->load(model.plan(), Disguised(model), testing::tiny_kv(model.plan()));
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("token_embd.weight"), std::string::npos) << status.error().message;
  EXPECT_NE(status.error().message.find("Q2_K"), std::string::npos) << status.error().message;
  const Status cache =
      make_backend(state, {.kv_type = KvType::q8_0})->load(model.plan(), model, testing::tiny_kv(model.plan()));
  ASSERT_FALSE(cache.ok());
  EXPECT_NE(cache.error().message.find("q8_0"), std::string::npos);
}

TEST(CudaHost, SizesOfALayoutAddUp) {
  for (const DType type :
       {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,
        DType::q4_k, DType::q5_k, DType::q6_k, DType::iq4_nl, DType::iq4_xs, DType::mxfp4}) {
    const Format& format = format_of(type);
    const std::int64_t in_file = bytes_of(format, 4096) * 4096;
    const std::int64_t on_device = layout_bytes(type, layout_tiles(4096), 4096).total();
    EXPECT_GE(on_device, in_file) << format.name;
    EXPECT_LE(on_device, in_file + in_file / 30) << format.name;
  }
  EXPECT_FALSE(has_layout(DType::iq1_s));
}

}  // namespace
}  // namespace llorch::cuda
