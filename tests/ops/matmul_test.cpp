// matmul of every table: close to the reference, and one chain per output, whatever the rows, tiles and threads.
#include <gtest/gtest.h>

#include <cstring>

#include "harness.h"
#include "quant/formats.h"
#include "quant/sample_blocks.h"

namespace llorch::test {
namespace {

constexpr int kMaxM = 33;

/// A random matrix in a format.
struct Matrix {
  MatrixView view;
  std::vector<std::byte> bytes;
  std::vector<float> decoded;  // [rows, cols]
};

Matrix random_matrix(const Format& format, int rows, int cols, std::uint32_t seed) {
  Matrix m;
  const auto n = static_cast<std::int64_t>(rows) * cols;
  m.decoded.resize(static_cast<std::size_t>(n));
  m.bytes = sample_blocks(format, random_floats(m.decoded.size(), seed));
  format.decode(m.bytes.data(), m.decoded.data(), n / format.block_len);
  m.view = {format.type, rows, cols, bytes_of(format, cols), m.bytes.data(), "w"};
  return m;
}

std::vector<float> product(Stage& stage, const OpTable& table, Matmul mm, int n_threads, std::vector<float> y = {}) {
  y.resize(static_cast<std::size_t>(mm.m) * static_cast<std::size_t>(mm.w->rows));
  mm.y = y.data();
  stage.run(n_threads, [&](const Work& work) { table.matmul(mm, work); });
  return y;
}

bool same_bits(float a, float b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

/// How far two orders of K sums may lie apart: a few roundings of the sum of |w| |x|, row by row.
std::vector<float> bounds(const Matrix& w, const std::vector<float>& x, int m) {
  const auto cols = static_cast<std::size_t>(w.view.cols);
  const auto rows = static_cast<std::size_t>(w.view.rows);
  std::vector<float> out;
  for (std::size_t i = 0; i < static_cast<std::size_t>(m); ++i) {
    for (std::size_t r = 0; r < rows; ++r) {
      float sum = 0;
      for (std::size_t k = 0; k < cols; ++k) {
        sum += std::fabs(w.decoded[r * cols + k] * x[i * cols + k]);
      }
      out.push_back(sum * (4.0F + std::sqrt(static_cast<float>(cols))) * 0x1p-23F + 1e-30F);
    }
  }
  return out;
}

void expect_close(const std::vector<float>& got, const std::vector<float>& want, const std::vector<float>& bound) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_LE(std::fabs(got[i] - want[i]), bound[i]) << "output " << i << ": " << got[i] << ", not " << want[i];
  }
}

std::vector<int> lengths_of(const Format& format) {
  std::vector<int> out;
  for (const int k : {1, 3, 8, 31, 32, 33, 64, 100, 256, 512, 768, 1056}) {
    if (k % format.block_len == 0) {
      out.push_back(k);
    }
  }
  return out;
}

/// One matrix: all rows alone are near the reference, and any other number of rows or threads gives their bits.
void check_matrix(Stage& stage, const Format& format, int rows, int cols) {
  const Matrix w = random_matrix(format, rows, cols, static_cast<std::uint32_t>(rows * 1000 + cols));
  const auto x = random_floats(static_cast<std::size_t>(kMaxM) * static_cast<std::size_t>(cols), 7);
  const Matmul mm = {.w = &w.view, .x = x.data(), .m = kMaxM};
  const auto want = product(stage, ref::ops(), mm, 1);
  const auto bound = bounds(w, x, kMaxM);
  for (const OpTable& table : tables()) {
    SCOPED_TRACE(table.name);
    if (stage.activations == Activations::q8 && !table.has_q8(format.type)) {
      continue;  // computed with floats
    }
    std::vector<float> alone;  // [kMaxM, rows], a product of one row each
    for (int i = 0; i < kMaxM; ++i) {
      Matmul one = mm;
      one.m = 1;
      one.x = x.data() + static_cast<std::ptrdiff_t>(i) * cols;
      const auto y = product(stage, table, one, 1);
      alone.insert(alone.end(), y.begin(), y.end());
    }
    expect_close(alone, want, bound);
    for (const int n_threads : {1, 2, 3}) {
      for (const int m :
           n_threads == 1 ? std::vector<int>{2, 3, 4, 5, 7, 8, 16, 17, 33} : std::vector<int>{0, 1, 6, 33}) {
        Matmul some = mm;
        some.m = m;
        const auto y = product(stage, table, some, n_threads);
        ASSERT_TRUE(std::equal(y.begin(), y.end(), alone.begin(), same_bits))
            << m << " rows of x, " << n_threads << " threads";
        if (const Packed packed(table, w.view);
            packed.data() != nullptr && reads_packed(table, format.type, stage.activations)) {
          some.packed = packed.data();
          const auto of_packed = product(stage, table, some, n_threads);
          ASSERT_TRUE(std::equal(of_packed.begin(), of_packed.end(), alone.begin(), same_bits))
              << m << " rows of x, " << n_threads << " threads, packed weights";
          if (stage.activations == Activations::q8 && table.has_q8(format.type)) {
            some.x = nullptr;  // what the product before left is read in its place
            some.x_is_ready = true;
            ASSERT_EQ(product(stage, table, some, n_threads), of_packed) << m << " rows of x, " << n_threads;
          }
        }
      }
    }
  }
}

class MatmulGrid : public testing::TestWithParam<Format> {
 protected:
  /// With floats where the reference computes with 8-bit activations.
  static bool computes_otherwise(const Stage& stage, const OpTable& table) {
    return stage.activations == Activations::q8 && table.has_q8(GetParam().type) != ref::ops().has_q8(GetParam().type);
  }
};

TEST_P(MatmulGrid, IsCloseToTheReferenceAndOneChainPerOutput) {
  Stage stage;
  for (const int cols : lengths_of(GetParam())) {
    for (const int rows : {1, 2, 3, 5, 7, 8, 9, 16, 17, 33}) {
      for (const Activations activations : {Activations::f32, Activations::q8}) {
        if (activations == Activations::q8 && !ref::ops().has_q8(GetParam().type)) {
          continue;
        }
        SCOPED_TRACE(testing::Message() << rows << " x " << cols << (activations == Activations::q8 ? " q8" : ""));
        stage.activations = activations;
        check_matrix(stage, GetParam(), rows, cols);
        if (HasFatalFailure()) {
          return;
        }
      }
    }
  }
}

/// More rows of x than a kernel takes at once: each is what it is among few.
TEST_P(MatmulGrid, ManyRowsOfXAreTheirOwn) {
  constexpr int kRows = 40;
  constexpr int kCols = 256;
  constexpr int kManyRows = 300;
  const Matrix w = random_matrix(GetParam(), kRows, kCols, 41);
  const auto x = random_floats(std::size_t{kManyRows} * kCols, 42);
  Stage stage;
  for (const OpTable& table : tables()) {
    for (const Activations activations : {Activations::f32, Activations::q8}) {
      stage.activations = activations;
      const auto few = [&](int first) {
        return product(stage, table, {.w = &w.view, .x = x.data() + std::ptrdiff_t{first} * kCols, .m = 20}, 1);
      };
      const auto begin = few(0);
      const auto end = few(kManyRows - 20);
      for (const int n_threads : {1, 2, 3}) {
        const auto y = product(stage, table, {.w = &w.view, .x = x.data(), .m = kManyRows}, n_threads);
        EXPECT_TRUE(std::equal(begin.begin(), begin.end(), y.begin(), same_bits)) << table.name << " " << n_threads;
        EXPECT_TRUE(std::equal(end.rbegin(), end.rend(), y.rbegin(), same_bits)) << table.name << " " << n_threads;
      }
    }
  }
}

/// Packed floats with rows longer than a piece that several tiles share: the chains of weights that are not packed.
TEST(Matmul, PackedFloatsGoOnPieceByPiece) {
  constexpr int kRows = 150;
  constexpr int kCols = 4421;
  constexpr int kMostRows = 49;
  const auto x = random_floats(std::size_t{kMostRows} * kCols, 61);
  Stage stage;
  stage.activations = Activations::f32;
  for (const DType type : {DType::f32, DType::f16, DType::bf16}) {
    const Matrix w = random_matrix(format_of(type), kRows, kCols, 62);
    for (const OpTable& table : tables()) {
      const Packed packed(table, w.view);
      if (packed.data() == nullptr) {
        continue;
      }
      const auto want = product(stage, table, {.w = &w.view, .x = x.data(), .m = kMostRows}, 1);
      for (const int m : {1, 3, 6, 7, 8, 16, 29, 48, 49}) {
        for (const int n_threads : {1, 3}) {
          const Matmul some = {.w = &w.view, .packed = packed.data(), .x = x.data(), .m = m};
          const auto y = product(stage, table, some, n_threads);
          EXPECT_TRUE(std::equal(y.begin(), y.end(), want.begin(), same_bits))
              << table.name << " " << format_of(type).name << ", " << m << " rows of x, " << n_threads << " threads";
        }
      }
    }
  }
}

/// The longest rows with which few rows of x fill the scratch, and one value more.
TEST(Matmul, FewRowsFillTheScratch) {
  constexpr int kM = 48;
  Stage stage;
  stage.activations = Activations::f32;
  for (const OpTable& table : tables()) {
    for (const int lanes_of_sums : {4 * 16, 2 * 8}) {  // of AVX-512, and of AVX2
      const int most = static_cast<int>(kScratchBytes / sizeof(float)) / kM - lanes_of_sums;
      for (const int cols : {most, most + 1}) {
        const Matrix w = random_matrix(format_of(DType::f16), 9, cols, 63);
        const auto x = random_floats(static_cast<std::size_t>(kM) * static_cast<std::size_t>(cols), 64);
        const Packed packed(table, w.view);
        const auto want = product(stage, table, {.w = &w.view, .x = x.data(), .m = kM}, 1);
        EXPECT_EQ(product(stage, table, {.w = &w.view, .packed = packed.data(), .x = x.data(), .m = kM}, 1), want)
            << table.name << ", " << cols << " columns";
      }
    }
  }
}

/// With x in whole numbers up to 127, whose scale is 1, and no minimums every table rounds where the reference does:
/// the same bits, whatever the scales of the weights are.
TEST(Matmul, ScaleTimesDotIsRoundedOnce) {
  constexpr int kRows = 999;
  constexpr int kCols = 256;
  std::mt19937 random(51);
  std::vector<float> x(std::size_t{9} * kCols);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = i % 32 == 0 ? 127.0F : static_cast<float>(static_cast<int>(random() % 255) - 127);
  }
  Stage stage;
  stage.activations = Activations::q8;
  for (const DType type :
       {DType::q8_0, DType::q4_0, DType::q5_0, DType::iq4_nl, DType::mxfp4, DType::iq4_xs, DType::q6_k}) {
    const Format& format = format_of(type);
    Matrix w = random_matrix(format, kRows, kCols, 52);
    std::generate(w.bytes.begin(), w.bytes.end(), [&] { return static_cast<std::byte>(random()); });
    const auto want = product(stage, ref::ops(), {.w = &w.view, .x = x.data(), .m = 9}, 1);
    int finite = 0;
    for (const OpTable& table : tables()) {
      for (const int m : {1, 9}) {
        const auto got = product(stage, table, {.w = &w.view, .x = x.data(), .m = m}, 1);
        for (std::size_t i = 0; i < got.size(); ++i) {
          finite += std::isfinite(want[i]) ? 1 : 0;
          ASSERT_TRUE(!std::isfinite(want[i]) || same_bits(got[i], want[i]))
              << table.name << " " << format.name << " output " << i << ": " << got[i] << ", not " << want[i];
        }
      }
    }
    EXPECT_GT(finite, kRows);
  }
}

/// Rows of the identity read weights out: what a table decodes is what the format says, to the bit.
TEST_P(MatmulGrid, DecodesAsTheFormatDoes) {
  const Format& format = GetParam();
  const int cols = std::max(format.block_len, 67);
  const int rows = 13;
  std::mt19937 random(5);
  Matrix w = random_matrix(format, rows, cols / format.block_len * format.block_len, 3);
  const auto n = static_cast<int>(w.view.cols);
  for (std::size_t i = 0; i < w.bytes.size(); i += 1 + random() % 5) {
    w.bytes[i] = static_cast<std::byte>(random());
  }
  format.decode(w.bytes.data(), w.decoded.data(), static_cast<std::int64_t>(w.decoded.size()) / format.block_len);
  for (std::size_t i = 0; i < w.decoded.size(); ++i) {
    if (!std::isfinite(w.decoded[i])) {
      const auto block = static_cast<std::ptrdiff_t>(i) / format.block_len;
      std::fill_n(w.bytes.begin() + block * format.block_bytes, format.block_bytes, std::byte{1});
    }
  }
  format.decode(w.bytes.data(), w.decoded.data(), static_cast<std::int64_t>(w.decoded.size()) / format.block_len);
  std::vector<float> identity(static_cast<std::size_t>(n) * static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) {
    identity[static_cast<std::size_t>(i * n + i)] = 1.0F;
  }
  Stage stage;
  for (const OpTable& table : tables()) {
    const auto y = product(stage, table, {.w = &w.view, .x = identity.data(), .m = n}, 1);
    for (int i = 0; i < n; ++i) {
      for (int r = 0; r < rows; ++r) {
        ASSERT_EQ(y[static_cast<std::size_t>(i * rows + r)], w.decoded[static_cast<std::size_t>(r * n + i)])
            << table.name << " row " << r << " column " << i;
      }
    }
  }
}

/// The same product with the weights as F32: with float activations only roundings differ, 8-bit ones cost what
/// rounding to 127 steps costs.
TEST_P(MatmulGrid, IsTheProductOfTheDecodedWeights) {
  constexpr int kRows = 48;
  constexpr int kCols = 512;
  const Matrix w = random_matrix(GetParam(), kRows, kCols, 31);
  const MatrixView decoded = {DType::f32, kRows, kCols, kCols * 4, reinterpret_cast<const std::byte*>(w.decoded.data()),
                              "decoded"};
  const auto x = random_floats(std::size_t{9} * kCols, 32);
  Stage stage;
  const auto want = product(stage, ref::ops(), {.w = &decoded, .x = x.data(), .m = 9}, 1);
  std::vector<OpTable> all = tables();
  if (blas::available()) {
    all.push_back(blas::ops(ref::ops()));
    all.back().matmul = all.back().matmul_many;
    all.back().has_q8 = [](DType) { return false; };
  }
  for (const OpTable& table : all) {
    for (const int m : {1, 9}) {
      const std::vector<float> part(want.begin(), want.begin() + m * kRows);
      stage.activations = Activations::f32;
      EXPECT_LT(nmse(product(stage, table, {.w = &w.view, .x = x.data(), .m = m}, 2), part), 1e-11) << table.name;
      stage.activations = Activations::q8;
      const double limit = table.has_q8(GetParam().type) ? 3e-4 : 1e-11;
      EXPECT_LT(nmse(product(stage, table, {.w = &w.view, .x = x.data(), .m = m}, 2), part), limit) << table.name;
    }
  }
}

/// Bias, accumulation, scale, cap and chosen rows, against the reference and against one row at a time.
TEST_P(MatmulGrid, TakesEveryOption) {
  const int cols = std::max(GetParam().block_len, 64);
  const int rows = 17;
  const Matrix w = random_matrix(GetParam(), rows, cols, 11);
  const auto x = random_floats(static_cast<std::size_t>(40) * static_cast<std::size_t>(cols), 12);
  const auto bias = random_floats(rows, 13);
  std::vector<std::int32_t> chosen;
  for (int i = 0; i < 9; ++i) {
    chosen.push_back((i * 17 + 5) % 40);
  }
  Stage stage;
  for (const bool q8 : {false, true}) {
    stage.activations = q8 ? Activations::q8 : Activations::f32;
    for (int options = 0; options < 16; ++options) {
      Matmul mm = {.w = &w.view, .x = x.data(), .m = 9};
      mm.bias = (options & 1) != 0 ? bias.data() : nullptr;
      mm.accumulate = (options & 2) != 0;
      mm.scale = (options & 4) != 0 ? 0.37F : 1.0F;
      mm.softcap = (options & 8) != 0 ? 3.0F : 0.0F;
      mm.x_rows = (options & 1) != 0 ? chosen.data() : nullptr;
      const auto old = random_floats(static_cast<std::size_t>(9 * rows), 14);
      const auto want = product(stage, ref::ops(), mm, 1, old);
      for (const OpTable& table : tables()) {
        if (computes_otherwise(stage, table)) {
          continue;
        }
        const auto y = product(stage, table, mm, 2, old);
        EXPECT_LE(largest_difference(y, want), 1e-4F) << table.name << " options " << options;
        if (const Packed packed(table, w.view);
            packed.data() != nullptr && reads_packed(table, GetParam().type, stage.activations)) {
          for (const int m : {3, 9}) {  // few rows of x have loops of their own
            Matmul some = mm;
            some.packed = packed.data();
            some.m = m;
            const auto part = static_cast<std::ptrdiff_t>(m) * rows;
            const auto of_packed = product(stage, table, some, 2, {old.begin(), old.begin() + part});
            EXPECT_TRUE(std::equal(of_packed.begin(), of_packed.end(), y.begin(), same_bits))
                << table.name << " options " << options << ", " << m << " rows of x, packed weights";
          }
        }
        for (int i = 0; i < mm.m; ++i) {
          Matmul one = mm;
          one.m = 1;
          one.x = mm.x_rows != nullptr ? x.data() : x.data() + static_cast<std::ptrdiff_t>(i) * cols;
          one.x_rows = mm.x_rows != nullptr ? chosen.data() + i : nullptr;
          const auto begin = old.begin() + static_cast<std::ptrdiff_t>(i) * rows;
          const auto alone = product(stage, table, one, 1, {begin, begin + rows});
          EXPECT_EQ(std::memcmp(alone.data(), y.data() + static_cast<std::ptrdiff_t>(i) * rows, rows * sizeof(float)),
                    0)
              << table.name << " options " << options << " row " << i;
        }
      }
    }
  }
}

/// 8-bit rows hold every exception of the definition: zeros, tiny values, NaN and infinity.
TEST_P(MatmulGrid, TellsNumbersFromNotANumber) {
  const Matrix w = random_matrix(GetParam(), 5, 256, 21);
  Stage stage;
  stage.activations = Activations::q8;
  for (const float value : {0.0F, 1e-31F, 1e-38F, 1e30F, NAN, INFINITY, -INFINITY}) {
    std::vector<float> x(256, 0.0F);
    x[100] = value;
    const Matmul mm = {.w = &w.view, .x = x.data(), .m = 1};
    const auto want = product(stage, ref::ops(), mm, 1);
    for (const OpTable& table : tables()) {
      if (computes_otherwise(stage, table)) {
        continue;
      }
      const auto y = product(stage, table, mm, 1);
      for (std::size_t r = 0; r < y.size(); ++r) {
        EXPECT_EQ(std::isfinite(y[r]), std::isfinite(want[r])) << table.name << " x " << value;
        if (std::isfinite(want[r])) {
          EXPECT_NEAR(y[r], want[r], std::fabs(want[r]) * 1e-5F) << table.name << " x " << value;
        }
      }
    }
  }
}

std::vector<Format> all_formats() {
  return {formats().begin(), formats().end()};
}

INSTANTIATE_TEST_SUITE_P(Formats, MatmulGrid, testing::ValuesIn(all_formats()),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace llorch::test
