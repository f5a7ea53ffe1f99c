// matmul, by format, activations and rows of x.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "base/format.h"
#include "ops/benches.h"
#include "quant/sample_blocks.h"

namespace llorch::bench {
namespace {

constexpr int kSampledRows = 64;  // different rows of a matrix; they come again

/// Fills `out` with `pattern`, again and again.
void fill(std::span<std::byte> out, std::span<const std::byte> pattern) {
  for (std::size_t at = 0; at < out.size(); at += pattern.size()) {
    std::memcpy(out.data() + at, pattern.data(), std::min(pattern.size(), out.size() - at));
  }
}

/// A matrix many times over, so that a product finds none of it in a cache: as its file has it, or packed.
class Copies {
 public:
  static Result<Copies> make(const Settings& s, const OpTable& table, const Format& format, Activations activations) {
    Copies copies;
    const std::int64_t row_bytes = bytes_of(format, s.cols);
    copies.view_ = {format.type, s.rows, s.cols, row_bytes, nullptr, "w"};
    const bool has_layout = reads_packed(table, format.type, activations);
    const std::size_t packed = has_layout ? packed_bytes(table, copies.view_) : 0;
    const std::size_t in_file = static_cast<std::size_t>(row_bytes) * static_cast<std::size_t>(s.rows);
    copies.is_packed_ = packed > 0;
    copies.bytes_ = copies.is_packed_ ? packed : in_file;
    copies.n_ = std::max<std::size_t>(1, static_cast<std::size_t>(s.memory_bytes()) / copies.bytes_);
    LL_ASSIGN(copies.buffer_, cpu::Buffer::make(copies.n_ * copies.bytes_, "copies of the matrix"));
    LL_ASSIGN(const cpu::Buffer one, cpu::Buffer::make(in_file, "the matrix"));
    fill(one.bytes(), sample_blocks(format, random_floats(static_cast<std::size_t>(s.cols) * kSampledRows, 1)));
    const std::span<std::byte> first = copies.buffer_.bytes().first(copies.bytes_);
    if (copies.is_packed_) {
      MatrixView whole = copies.view_;
      whole.data = one.bytes().data();
      table.pack(whole, {0, packed_groups(table, whole)}, first.data());
    } else {
      fill(first, one.bytes());
    }
    fill(copies.buffer_.bytes().subspan(copies.bytes_), first);
    return copies;
  }

  /// Points at the next copy.
  void next() {
    i_ = (i_ + 1) % n_;
    const std::byte* at = buffer_.bytes().data() + i_ * bytes_;
    view_.data = is_packed_ ? nullptr : at;
    packed_ = is_packed_ ? at : nullptr;
  }
  const MatrixView& view() const { return view_; }
  const std::byte* packed() const { return packed_; }
  bool is_packed() const { return is_packed_; }

 private:
  MatrixView view_;
  const std::byte* packed_ = nullptr;
  cpu::Buffer buffer_;
  std::size_t bytes_ = 0;  // of one copy
  std::size_t n_ = 0, i_ = 0;
  bool is_packed_ = false;
};

struct Case {
  const OpTable& table;
  const Format& format;
  Activations activations;
};

Row row_of(const Case& c, const Settings& s, int m, const Copies& copies) {
  const char* activations = c.activations == Activations::q8 ? "q8" : "f32";
  const std::int64_t n_weights = std::int64_t{s.rows} * s.cols;
  return {.op = "matmul",
          .table = c.table.name,
          .what = fmt::format("{:<7} {:<3} [{}, {}] x {}", c.format.name, activations, s.rows, s.cols, m),
          .facts = {{"format", c.format.name},
                    {"activations", activations},
                    {"packed", copies.is_packed()},
                    {"rows", s.rows},
                    {"cols", s.cols},
                    {"rows_of_x", m}},
          .timing = {},
          .cost = {bytes_of(c.format, n_weights), 2 * n_weights * m},
          .is_int8 = c.activations == Activations::q8};
}

Status measure(const Case& c, const Settings& s, Machine& machine, Report& report) {
  LL_ASSIGN(Copies copies, Copies::make(s, c.table, c.format, c.activations));
  const auto most = static_cast<std::size_t>(*std::max_element(s.rows_of_x.begin(), s.rows_of_x.end()));
  LL_ASSIGN(const cpu::Buffer x, cpu::Buffer::make(most * static_cast<std::size_t>(s.cols) * sizeof(float), "x"));
  LL_ASSIGN(const cpu::Buffer y, cpu::Buffer::make(most * static_cast<std::size_t>(s.rows) * sizeof(float), "y"));
  const std::vector<float> values = random_floats(most * static_cast<std::size_t>(s.cols), 2);
  std::copy(values.begin(), values.end(), x.floats());
  for (const int m : s.rows_of_x) {
    Matmul product{.x = x.floats(), .m = m, .y = y.floats()};
    Work work;
    work.activations = c.activations;
    Row row = row_of(c, s, m, copies);
    row.timing = machine.time(
        work, [&](const Work& own) { c.table.matmul(product, own); },
        [&] {
          copies.next();
          product.w = &copies.view();
          product.packed = copies.packed();
        });
    const std::span<const float> out(y.floats(), static_cast<std::size_t>(m) * static_cast<std::size_t>(s.rows));
    if (!std::all_of(out.begin(), out.end(), [](float v) { return std::isfinite(v); })) {
      return errorf(ErrorCode::internal, "matmul of {}: {} gives what is not finite", row.what, c.table.name);
    }
    report.add(row);
  }
  return {};
}

}  // namespace

Status bench_matmul(const Settings& settings, Machine& machine, Report& report) {
  for (const OpTable& table : settings.tables) {
    for (const Format* format : settings.formats) {
      LL_TRY(measure({table, *format, Activations::f32}, settings, machine, report));
      if (table.has_q8(format->type)) {
        LL_TRY(measure({table, *format, Activations::q8}, settings, machine, report));
      }
    }
  }
  return {};
}

}  // namespace llorch::bench
