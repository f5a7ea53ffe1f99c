// attend of each table, by type of the KV cache: the last chunk of a long prompt, and one token after it, beside the
// machine's own speeds measured in the same run.
//   attend_lab [threads] [context] [heads] [kv heads] [head_dim] [chunk]
// Each line: time of an attend, bytes of keys and values a second and their share of the read speed, flops a second and
// their share of the peak. The median of many runs counts.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "backend/cpu/buffer.h"
#include "backend/ops.h"
#include "backend/ref/kv.h"
#include "backend/roof/roof.h"
#include "base/threads.h"

namespace llorch {
namespace {

struct Shape {
  int context, heads, kv_heads, head_dim, chunk;
};

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The median of several runs, at least `least` seconds together.
template <class Fn>
double median_seconds(const Fn& fn, double least = 0.5) {
  fn();
  std::vector<double> seconds;
  const double start = seconds_now();
  while (seconds_now() - start < least) {
    const double before = seconds_now();
    fn();
    seconds.push_back(seconds_now() - before);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

/// One sequence whose blocks lie in order, layer after layer, so that a decode finds none of it in a cache.
class Lab {
 public:
  Lab(int n_threads, const Shape& shape, KvType type)
      : team_(n_threads), shape_(shape), type_(type), n_blocks_((shape.context + kKvBlock - 1) / kKvBlock) {
    layer_bytes_ = n_blocks_ * shape.kv_heads * kv_piece_bytes(type, shape.head_dim);
    n_layers_ = std::max<std::int64_t>(1, (std::int64_t{600} << 20) / layer_bytes_);
    kv_ = cpu::Buffer::make(static_cast<std::size_t>(2 * layer_bytes_ * n_layers_), "the KV cache").value();
    scratch_ = cpu::Buffer::make(kScratchBytes * static_cast<std::size_t>(n_threads), "scratch").value();
    shared_ = cpu::Buffer::make(std::size_t{16} << 20, "shared scratch").value();
    table_.resize(static_cast<std::size_t>(n_blocks_));
    std::iota(table_.begin(), table_.end(), 0);
    std::mt19937 random(1);
    std::vector<float> row(static_cast<std::size_t>(shape.head_dim));
    std::byte* const begin = kv_.bytes().data();
    for (std::int64_t i = 0; i < n_blocks_ * shape.kv_heads; ++i) {
      for (int slot = 0; slot < kKvBlock; ++slot) {
        for (float& v : row) {
          v = static_cast<float>(random() >> 8) * 0x1p-24F - 0.5F;
        }
        std::byte* piece = begin + i * kv_piece_bytes(type, shape.head_dim);
        ref::store_key(type, row.data(), shape.head_dim, piece, slot);
        ref::store_value(type, row.data(), shape.head_dim, piece + layer_bytes_, slot);
      }
    }
    for (std::int64_t layer = 0; layer < n_layers_; ++layer) {
      std::byte* k = begin + 2 * layer * layer_bytes_;
      if (layer > 0) {
        std::copy_n(begin, 2 * layer_bytes_, k);
      }
      layers_.push_back({k, k + layer_bytes_});
    }
  }

  double seconds(const OpTable& ops, int n_tokens) {
    const std::size_t width = static_cast<std::size_t>(shape_.heads) * static_cast<std::size_t>(shape_.head_dim);
    std::vector<float> q(width * static_cast<std::size_t>(n_tokens), 0.3F);
    std::vector<float> att(q.size());
    std::vector<std::int32_t> positions(static_cast<std::size_t>(n_tokens));
    std::iota(positions.begin(), positions.end(), shape_.context - n_tokens);
    const std::int32_t starts[] = {0, n_tokens}, lens[] = {shape_.context};
    const KvGroup group = {.kv_slots = {}, .block_table = table_, .max_blocks = static_cast<int>(n_blocks_)};
    const Batch batch = {
        .tokens = positions, .positions = positions, .seq_starts = starts, .kv_lens = lens, .kv = {&group, 1}};
    const AttendOp op = {
        .n_heads = shape_.heads, .n_kv_heads = shape_.kv_heads, .head_dim = shape_.head_dim, .scale = 0.125F};
    const HostWeights weights;
    int layer = 0;
    return median_seconds([&] {
      layer = static_cast<int>((layer + 1) % n_layers_);
      team_.run([&](int thread) {
        Work work;
        work.weights = &weights;
        work.batch = &batch;
        work.slots[static_cast<std::size_t>(Slot::q)] = q.data();
        work.slots[static_cast<std::size_t>(Slot::att)] = att.data();
        work.kv = layers_;
        work.kv_type = type_;
        work.team = &team_;
        work.thread = thread;
        work.n_threads = team_.size();
        work.scratch = scratch_.bytes().subspan(static_cast<std::size_t>(thread) * kScratchBytes, kScratchBytes);
        work.shared = shared_.bytes();
        ops.attend(op, layer, work);
      });
    });
  }

  void measure(const OpTable& ops, int n_tokens, const roof::Roof& roof) {
    const double s = seconds(ops, n_tokens);
    const double pairs = n_tokens * (shape_.context - (n_tokens - 1) / 2.0);
    const double rate = 2.0 * static_cast<double>(layer_bytes_) / s / 1e9;
    const double speed = pairs * shape_.heads * 4 * shape_.head_dim / s / 1e9;
    std::printf("%-7s %-5s %4d tokens %9.3f ms %7.2f GB/s %4.0f%% of read %8.1f GFLOP/s %4.0f%% of peak\n", ops.name,
                std::string(to_string(type_)).c_str(), n_tokens, s * 1e3, rate, 100 * rate / roof.read_gb_per_sec,
                speed, speed / roof.f32_tflops / 10);
    std::fflush(stdout);
  }

  ThreadTeam& team() { return team_; }

 private:
  ThreadTeam team_;
  Shape shape_;
  KvType type_;
  std::int64_t n_blocks_;
  std::int64_t layer_bytes_ = 0;
  std::int64_t n_layers_ = 0;
  cpu::Buffer kv_, scratch_, shared_;
  std::vector<KvLayer> layers_;
  std::vector<std::int32_t> table_;
};

void run_lab(int n_threads, const Shape& shape) {
  std::vector<OpTable> tables;
  if (avx2::available()) {
    tables.push_back(avx2::ops(ref::ops()));
  }
  if (avx512::available()) {
    tables.push_back(avx512::ops(ref::ops()));
  }
  ThreadTeam team(n_threads);
  const roof::Roof roof = roof::measure(team, std::int64_t{512} << 20);
  std::printf("%d threads, context %d, %d/%d heads of %d, roofs (%s): read %.1f GB/s, fma %.0f GFLOP/s\n", n_threads,
              shape.context, shape.heads, shape.kv_heads, shape.head_dim, roof.kernels, roof.read_gb_per_sec,
              roof.f32_tflops * 1e3);
  for (const KvType type : {KvType::f32, KvType::f16, KvType::q8_0}) {
    Lab lab(n_threads, shape, type);
    for (const OpTable& table : tables) {
      lab.measure(table, 1, roof);
      lab.measure(table, shape.chunk, roof);
    }
  }
}

}  // namespace
}  // namespace llorch

int main(int argc, char** argv) {
  const auto argument = [&](int i, int fallback) { return argc > i ? std::atoi(argv[i]) : fallback; };
  const llorch::Shape shape = {argument(2, 8192), argument(3, 32), argument(4, 8), argument(5, 64), argument(6, 512)};
  llorch::run_lab(argument(1, llorch::physical_cores()), shape);
}
