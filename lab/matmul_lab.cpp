// matmul of each table, by format and by rows of x, weights packed where the table can, beside the machine's own speeds
// measured in the same run.
//   matmul_lab [threads] [rows] [cols] [formats] [rows of x] [tables]
// Lists have commas: matmul_lab 2 8192 2048 Q4_K,F16 1,16,512 avx512; without one, all of its kind.
// Each line: time of a product, bytes of weights a second and their share of the read speed, flops a second and their
// share of the peak (of 8-bit products where the activations are). The median of many runs counts.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "backend/ops.h"
#include "backend/roof/roof.h"
#include "base/threads.h"
#include "quant/formats.h"
#include "quant/sample_blocks.h"

namespace llorch {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The median of many runs, at least `least` seconds together.
template <class Fn>
double median_seconds(const Fn& fn, double least = 0.4) {
  fn();
  std::vector<double> times;
  const double start = seconds_now();
  while (seconds_now() - start < least) {
    const double before = seconds_now();
    fn();
    times.push_back(seconds_now() - before);
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

struct Lab {
  explicit Lab(int n_threads) : team(n_threads), scratch(static_cast<std::size_t>(n_threads)), shared(8 << 20) {
    for (auto& s : scratch) {
      s.resize(kScratchBytes + 64);
    }
  }

  void run(const OpTable& table, const Matmul& mm, Activations activations) {
    team.run([&](int thread) {
      Work work;
      work.team = &team;
      work.thread = thread;
      work.n_threads = team.size();
      work.activations = activations;
      work.scratch = aligned(scratch[static_cast<std::size_t>(thread)]);
      work.shared = aligned(shared);
      table.matmul(mm, work);
    });
  }

  static std::span<std::byte> aligned(std::vector<std::byte>& bytes) {
    const auto skip = (64 - reinterpret_cast<std::uintptr_t>(bytes.data()) % 64) % 64;
    return std::span(bytes).subspan(skip, bytes.size() - 64);
  }
  static float* aligned_floats(std::vector<std::byte>& bytes) {
    return reinterpret_cast<float*>(aligned(bytes).data());
  }

  ThreadTeam team;
  std::vector<std::vector<std::byte>> scratch;
  std::vector<std::byte> shared;
};

struct Case {
  const Format* format;
  int m;
  Activations activations;
};

void measure(Lab& lab, const std::vector<OpTable>& tables, const Case& c, int rows, int cols, const roof::Roof& roof) {
  // Copies of the matrix, so that a product finds none of it in a cache.
  const std::int64_t n = static_cast<std::int64_t>(rows) * cols;
  const std::int64_t bytes = bytes_of(*c.format, n);
  const auto copies = c.m <= 16 ? static_cast<std::size_t>(1'500'000'000 / bytes + 1) : 1;
  std::vector<float> values(static_cast<std::size_t>(cols) * 64);
  std::mt19937 random(1);
  for (float& v : values) {
    v = static_cast<float>(random() >> 8) * 0x1p-24F - 0.5F;
  }
  const std::vector<std::byte> encoded = sample_blocks(*c.format, values);
  std::vector<std::byte> data(static_cast<std::size_t>(bytes) * copies);
  for (std::size_t at = 0; at < data.size(); at += encoded.size()) {
    std::memcpy(data.data() + at, encoded.data(), std::min(encoded.size(), data.size() - at));
  }
  std::vector<std::byte> x_bytes(static_cast<std::size_t>(c.m) * static_cast<std::size_t>(cols) * sizeof(float) + 64);
  std::vector<std::byte> y_bytes(static_cast<std::size_t>(c.m) * static_cast<std::size_t>(rows) * sizeof(float) + 64);
  float* x = Lab::aligned_floats(x_bytes);
  float* y = Lab::aligned_floats(y_bytes);
  std::fill_n(x, static_cast<std::size_t>(c.m) * static_cast<std::size_t>(cols), 0.5F);
  for (const OpTable& table : tables) {
    const MatrixView all = {
        c.format->type, rows * static_cast<std::int64_t>(copies), cols, bytes_of(*c.format, cols), data.data(), "w"};
    const bool is_used = c.activations == Activations::q8 || !table.has_q8(c.format->type);
    const bool packs = is_used && rows % table.packed_rows == 0;
    const std::int64_t packed_row = packs ? row_bytes_packed(table, all) : 0;
    std::vector<std::byte> packed_bytes(static_cast<std::size_t>(packed_row * all.rows) + 64);
    std::byte* packed = Lab::aligned(packed_bytes).data();
    if (packed_row > 0) {
      table.pack(all, {0, packed_groups(table, all)}, packed);
    }
    std::size_t copy = 0;
    const double seconds = median_seconds([&] {
      const MatrixView view = {c.format->type,
                               rows,
                               cols,
                               bytes_of(*c.format, cols),
                               data.data() + static_cast<std::int64_t>(copy) * bytes,
                               "w"};
      const std::byte* form = packed_row > 0 ? packed + static_cast<std::int64_t>(copy) * rows * packed_row : nullptr;
      copy = (copy + 1) % copies;
      lab.run(table, {.w = &view, .packed = form, .x = x, .m = c.m, .y = y}, c.activations);
    });
    const double rate = static_cast<double>(bytes) / seconds / 1e9;
    const double speed = 2.0 * static_cast<double>(n) * c.m / seconds / 1e9;
    const bool q8 = c.activations == Activations::q8;
    std::printf("%-7s %-4s M=%-4d %-7s %9.3f ms %7.2f GB/s %4.0f%% of read %8.1f GFLOP/s %4.0f%% of peak\n",
                std::string(c.format->name).c_str(), q8 ? "q8" : "f32", c.m, table.name, seconds * 1e3, rate,
                100 * rate / roof.read_gb_per_sec, speed, speed / (q8 ? roof.int8_tops : roof.f32_tflops) / 10);
    std::fflush(stdout);
  }
}

/// What is measured; an empty list stands for all.
struct Wanted {
  int n_threads = 0, rows = 2048, cols = 2048;
  std::string formats, tables;
  std::vector<int> rows_of_x;

  static bool has(const std::string& list, std::string_view name) {
    return list.empty() || ("," + list + ",").find("," + std::string(name) + ",") != std::string::npos;
  }
};

std::vector<OpTable> wanted_tables(const Wanted& wanted) {
  std::vector<OpTable> tables;
  if (avx2::available() && Wanted::has(wanted.tables, "avx2")) {
    tables.push_back(avx2::ops(ref::ops()));
  }
  if (avx512::available() && Wanted::has(wanted.tables, "avx512")) {
    tables.push_back(avx512::ops(ref::ops()));
  }
  return tables;
}

void run_lab(const Wanted& wanted) {
  Lab lab(wanted.n_threads);
  const std::vector<OpTable> tables = wanted_tables(wanted);
  const roof::Roof roof = roof::measure(lab.team, std::int64_t{512} << 20);
  std::printf("%d threads, [%d, %d], roofs (%s): read %.1f GB/s, fma %.0f GFLOP/s, int8 %.0f GOP/s\n", wanted.n_threads,
              wanted.rows, wanted.cols, roof.kernels, roof.read_gb_per_sec, roof.f32_tflops * 1e3,
              roof.int8_tops * 1e3);
  for (const int m : wanted.rows_of_x) {
    for (const Format& format : formats()) {
      if (!Wanted::has(wanted.formats, format.name)) {
        continue;
      }
      for (const Activations activations : {Activations::f32, Activations::q8}) {
        if (activations == Activations::f32 || ref::ops().has_q8(format.type)) {
          auto with_ref = tables;
          if (m == 1 && Wanted::has(wanted.tables, "ref")) {
            with_ref.push_back(ref::ops());
          }
          measure(lab, with_ref, {&format, m, activations}, wanted.rows, wanted.cols, roof);
        }
      }
    }
  }
}

/// "1,16" as numbers.
std::vector<int> numbers(const std::string& list) {
  std::vector<int> out;
  for (std::size_t at = 0; at < list.size(); at = list.find_first_of(',', at) + 1) {
    out.push_back(std::atoi(list.c_str() + at));
    if (list.find_first_of(',', at) == std::string::npos) {
      break;
    }
  }
  return out;
}

}  // namespace
}  // namespace llorch

int main(int argc, char** argv) {
  const auto argument = [&](int i, const char* fallback) { return std::string(argc > i ? argv[i] : fallback); };
  llorch::Wanted wanted;
  wanted.n_threads = argc > 1 ? std::atoi(argv[1]) : llorch::physical_cores();
  wanted.rows = std::atoi(argument(2, "2048").c_str());
  wanted.cols = std::atoi(argument(3, "2048").c_str());
  wanted.formats = argument(4, "");
  wanted.rows_of_x = llorch::numbers(argument(5, "1,4,128"));
  wanted.tables = argument(6, "");
  llorch::run_lab(wanted);
}
