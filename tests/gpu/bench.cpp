// Rates with the shape of a large model and random weights: every layer's matrices are the same few megabytes of the
// host's memory, but lie in the device's memory each on its own.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>

#include "backend/cost.h"
#include "base/format.h"
#include "base/trace.h"
#include "gpu/gpucheck.h"

namespace llorch::gpucheck {
namespace {

ModelSpec spec_8b(int n_layers) {
  LayerSpec layer{.n_heads = 32, .n_kv_heads = 8, .head_dim = 128, .attn_scale = 0.08838835F, .ff_dim = 14336};
  layer.rope = {.kind = RopeKind::half, .dims = 128, .theta = 500000};
  ModelSpec spec{.architecture = "llama", .dim = 4096, .vocab = 128256, .max_context = 131072, .norm_eps = 1e-5F};
  spec.layers.assign(static_cast<std::size_t>(n_layers), layer);
  return spec;
}

class NoOptional : public WeightNames {
 public:
  bool has(std::string_view name) const override { return name == "output.weight"; }
};

/// Formats by weight: all of one, or as in Q4_K_M.
class BenchSource : public WeightSource {
 public:
  BenchSource(const Plan& plan, std::string type) : plan_(plan), type_(std::move(type)) {}
  Result<MatrixView> matrix(WeightId id) const override {
    const WeightDecl& decl = plan_.weights[static_cast<std::size_t>(id)];
    const Format& format = format_for(decl.name);
    const std::int64_t row_bytes = bytes_of(format, decl.cols);
    return MatrixView{.type = format.type,
                      .rows = decl.rows,
                      .cols = decl.cols,
                      .row_bytes = row_bytes,
                      .data = blocks(format, decl.rows * row_bytes),
                      .name = decl.name};
  }
  Result<std::vector<float>> vector(WeightId id) const override {
    return std::vector<float>(static_cast<std::size_t>(plan_.weights[static_cast<std::size_t>(id)].cols), 1.0F);
  }

 private:
  const Format& format_for(const std::string& name) const {
    if (type_ == "Q4_K_M") {
      const bool more = name.find("attn_v") != std::string::npos || name.find("ffn_down") != std::string::npos;
      const int layer = name.starts_with("blk.") ? std::atoi(name.c_str() + 4) : 0;
      const bool chosen = layer < 4 || layer >= 28 || layer % 3 == 2;
      return *find_format(name == "output.weight" || (more && chosen) ? std::string_view("Q6_K")
                                                                      : std::string_view("Q4_K"));
    }
    return *find_format(type_);
  }
  /// Random blocks with small scales, made once a format and repeated.
  const std::byte* blocks(const Format& format, std::int64_t bytes) const {
    std::vector<std::byte>& memory = memory_[format.name];
    if (memory.size() < static_cast<std::size_t>(bytes)) {
      constexpr std::size_t kBlocks = 8192;
      const auto n = static_cast<std::size_t>(format.block_len) * kBlocks;
      const std::vector<float> values = random_floats(n, 3, 0.02F);
      std::vector<std::byte> some(kBlocks * static_cast<std::size_t>(format.block_bytes));
      format.encode(values.data(), some.data(), kBlocks);
      memory.resize(static_cast<std::size_t>(bytes));
      for (std::size_t at = 0; at < memory.size(); at += some.size()) {
        std::memcpy(memory.data() + at, some.data(), std::min(some.size(), memory.size() - at));
      }
    }
    return memory.data();
  }

  const Plan& plan_;
  std::string type_;
  mutable std::map<std::string_view, std::vector<std::byte>> memory_;
};

double seconds_of(const std::function<Status()>& fn, Status& status) {
  const auto begin = std::chrono::steady_clock::now();
  status = fn();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// The median of some runs; 0 and a message when one fails.
double median_of(int n, const std::function<Status()>& fn) {
  std::vector<double> times;
  for (int i = 0; i < n; ++i) {
    Status status;
    times.push_back(seconds_of(fn, status));
    if (!status.ok()) {
      std::printf("failed: %s\n", status.error().message.c_str());
      return 0;
    }
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

void print_profile(const Recorder& recorder) {
  std::map<std::string, std::pair<double, double>> by_role;  // seconds, bytes
  for (const Span& span : recorder.spans()) {
    auto& [seconds, bytes] = by_role[std::string(span.name) + " " + std::string(span.detail)];
    seconds += static_cast<double>(span.end_ns - span.begin_ns) * 1e-9;
    bytes += static_cast<double>(span.bytes);
  }
  for (const auto& [role, sums] : by_role) {
    std::printf("    %-28s %8.3f ms %7.0f GB/s\n", role.c_str(), sums.first * 1e3, sums.second / sums.first * 1e-9);
  }
}

}  // namespace

int bench(const Options& options, const std::string& shape) {
  const int n_layers = options.once ? 2 : options.quick ? 4 : 32;
  const Result<Plan> plan = make_plan(spec_8b(n_layers), NoOptional());
  if (!plan.ok()) {
    std::printf("%s\n", plan.error().message.c_str());
    return 1;
  }
  const BenchSource source(*plan, shape);
  std::int64_t weights = 0;
  for (std::size_t i = 0; i < plan->weights.size(); ++i) {
    const WeightDecl& decl = plan->weights[i];
    if (!decl.is_vector && decl.name != "token_embd.weight") {
      weights += source.matrix(static_cast<WeightId>(i))->row_bytes * decl.rows;
    }
  }
  std::vector<int> lengths(64, 512);
  lengths[0] = options.quick ? 2048 : 8704;
  Sequences sequences(1, lengths, 128256);
  KvShape kv = sequences.kv_shape(2048);
  kv.max_outputs = 64;
  for (const bool profiled : options.once ? std::vector<bool>{false} : std::vector<bool>{false, true}) {
    Recorder recorder;
    BackendOptions backend{.recorder = profiled ? &recorder : nullptr};
    Result<std::unique_ptr<Backend>> device = create_backend(options.device, backend);
    Status status = device.ok() ? Status() : Status(device.error());
    const double load = status.ok() ? seconds_of([&] { return (*device)->load(*plan, source, kv); }, status) : 0;
    if (!status.ok()) {
      std::printf("%s\n", status.error().message.c_str());
      return 1;
    }
    SamplingParams sampling{.temperature = 0};
    const auto run = [&](std::vector<std::pair<int, int>> runs, bool outputs) {
      runs.resize(64, {0, 0});
      std::vector<std::int32_t> sampled(outputs ? static_cast<std::size_t>(runs.size()) : 0);
      const Batch batch = sequences.batch(runs, outputs);
      const auto n = static_cast<std::size_t>(batch.n_outputs());
      sampled.resize(n);
      const std::vector<SampleSpec> samples(n, SampleSpec{.params = sampling});
      return (*device)->run(batch, samples, {.sampled = sampled});
    };
    const auto decode = [&](int n_seqs, int position) {
      return [&run, n_seqs, position] {
        return run(std::vector<std::pair<int, int>>(static_cast<std::size_t>(n_seqs), {position, position + 1}), true);
      };
    };
    if (options.once) {
      for (const int n : {1, 16, 64}) {
        (void)decode(n, 100)();
      }
      (void)run({{0, 2048}}, false);
    } else if (!profiled) {
      std::printf("\n%s, %d layers, %.2f GB of matrices, loaded in %.2f s (%.1f GB/s)\n", shape.c_str(), n_layers,
                  static_cast<double>(weights) * 1e-9, load, static_cast<double>(weights) * 1e-9 / load);
      for (const int n : {1, 2, 4, 8, 16, 32, 64}) {
        (void)median_of(3, decode(n, 100));
        const double t = median_of(n == 1 ? 30 : 10, decode(n, 100));
        std::printf("decode %2d: %8.3f ms, %9.1f tok/s, weights at %6.0f GB/s\n", n, t * 1e3, n / t,
                    static_cast<double>(weights) * 1e-9 / t);
      }
      for (const int n : {1, 64}) {
        sampling = {.temperature = 0.3F, .top_k = 40, .top_p = 0.95F};  // as steep as a model's
        (void)median_of(3, decode(n, 100));
        const double filtered = median_of(10, decode(n, 100));
        sampling = {.temperature = 0.3F};
        const double all = median_of(10, decode(n, 100));
        sampling = {.temperature = 0};
        std::printf("decode %2d, drawn: %8.3f ms by top-k and top-p, %8.3f ms of all\n", n, filtered * 1e3, all * 1e3);
      }
      const double flops = 2.0 * static_cast<double>(32.0 * 218103808.0) * n_layers / 32;
      for (const int n : {128, 512, 2048}) {
        (void)median_of(1, [&] { return run({{0, std::min(n, 512)}}, false); });
        {
          const double t = median_of(3, [&] { return run({{0, n}}, false); });
          std::printf("prefill %4d: %8.2f ms, %9.0f tok/s, %6.1f Tflop/s of products\n", n, t * 1e3, n / t,
                      flops * n / t * 1e-12);
        }
      }
      if (!options.quick) {
        for (int at = 0; at < 8192; at += 2048) {
          (void)run({{at, at + 2048}}, false);
        }
        (void)median_of(3, decode(1, 8192));
        const double t = median_of(10, decode(1, 8192));
        std::printf("decode 1 after 8192 tokens: %8.3f ms\n", t * 1e3);
      }
    } else {
      (void)run({{0, 512}}, false);
      (void)median_of(1, decode(1, 100));
      recorder.clear();
      (void)median_of(1, decode(1, 100));
      std::printf("  profile of decode 1, a wait after each step:\n");
      print_profile(recorder);
      recorder.clear();
      (void)median_of(1, [&] { return run({{0, options.quick ? 512 : 2048}}, false); });
      std::printf("  profile of prefill:\n");
      print_profile(recorder);
    }
  }
  return 0;
}

}  // namespace llorch::gpucheck
