// Times the loops of the best instruction set on all threads; roof.h says what it promises.
#include "backend/roof/roof.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace llorch::roof {
namespace {

constexpr int kRounds = 5;
constexpr std::int64_t kPage = 4096;
constexpr double kTargetSeconds = 0.02;

using Buffer = std::unique_ptr<std::byte, decltype(&std::free)>;

const Kernels& best_kernels() {
  for (const Kernels* kernels : {avx512_kernels(), avx2_kernels()}) {
    if (kernels != nullptr) {
      return *kernels;
    }
  }
  return scalar_kernels();
}

/// Seconds that work(thread) takes on all threads; the best of `rounds`.
template <class Work>
double best_seconds(ThreadTeam& team, int rounds, const Work& work) {
  std::vector<std::uint64_t> results(static_cast<std::size_t>(team.size()) * 8);  // a cache line each
  double best = 1e30;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    team.run([&](int thread) { results[static_cast<std::size_t>(thread) * 8] = work(thread); });
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

/// 1e12 operations a second: finds a count of rounds that takes long enough, then times it.
double tera_ops(ThreadTeam& team, std::uint64_t (*loop)(std::int64_t), std::int64_t ops) {
  std::int64_t rounds = 1 << 12;
  const auto work = [&](int) { return loop(rounds); };
  while (best_seconds(team, 1, work) < kTargetSeconds) {
    rounds *= 2;
  }
  const double seconds = best_seconds(team, kRounds, work);
  return static_cast<double>(rounds) * static_cast<double>(ops) * team.size() / seconds / 1e12;
}

Buffer allocate(std::int64_t& bytes) {
  for (bytes = std::max(bytes / kPage, std::int64_t{1}) * kPage; bytes > kPage; bytes = bytes / 2 / kPage * kPage) {
    auto* memory = static_cast<std::byte*>(std::aligned_alloc(kPage, static_cast<std::size_t>(bytes)));
    if (memory != nullptr) {
      return {memory, &std::free};
    }
  }
  bytes = 0;
  return {nullptr, &std::free};
}

void measure_read(ThreadTeam& team, const Kernels& kernels, Roof& roof) {
  const Buffer buffer = allocate(roof.read_bytes);
  const int n_pages = static_cast<int>(roof.read_bytes / kPage);
  const auto part = [&](int thread) {
    const Range pages = part_of(n_pages, thread, team.size());
    return std::pair(buffer.get() + pages.begin * kPage, static_cast<std::size_t>((pages.end - pages.begin) * kPage));
  };
  // Written once by the thread that reads it: an untouched page would be the kernel's one page of zeros.
  team.run([&](int thread) {
    const auto [bytes, n] = part(thread);
    std::memset(bytes, 1, n);
  });
  const double seconds = best_seconds(team, kRounds, [&](int thread) {
    const auto [bytes, n] = part(thread);
    return kernels.read(bytes, n);
  });
  roof.read_gb_per_sec = static_cast<double>(roof.read_bytes) / seconds / 1e9;
}

}  // namespace

Roof measure(ThreadTeam& team, std::int64_t read_bytes) {
  const Kernels& kernels = best_kernels();
  Roof roof;
  roof.kernels = kernels.name;
  roof.read_bytes = read_bytes;
  measure_read(team, kernels, roof);
  roof.int8_tops = tera_ops(team, kernels.int8, kernels.int8_ops);
  roof.f32_tflops = tera_ops(team, kernels.f32, kernels.f32_ops);
  return roof;
}

}  // namespace llorch::roof
