// Formats against blocks that two independent programs decoded, bit by bit; and encode against decode.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "quant/formats.h"
#include "quant/half.h"
#include "support/testdata.h"

namespace llorch {
namespace {

std::vector<float> decode(const Format& format, const std::string& blocks) {
  const auto n = static_cast<std::int64_t>(blocks.size()) / format.block_bytes;
  std::vector<float> out(static_cast<std::size_t>(n * format.block_len));
  format.decode(reinterpret_cast<const std::byte*>(blocks.data()), out.data(), n);
  return out;
}

std::string encode(const Format& format, const std::vector<float>& values) {
  const auto n = static_cast<std::int64_t>(values.size()) / format.block_len;
  std::string blocks(static_cast<std::size_t>(n * format.block_bytes), '\0');
  format.encode(values.data(), reinterpret_cast<std::byte*>(blocks.data()), n);
  return blocks;
}

class EveryFormat : public ::testing::TestWithParam<std::string> {
 protected:
  const Format& format() const { return *find_format(std::string_view(GetParam())); }
};

TEST_P(EveryFormat, IsInTheListByNameAndId) {
  const Format* by_name = find_format(std::string_view(GetParam()));
  ASSERT_NE(by_name, nullptr);
  EXPECT_EQ(find_format(static_cast<std::uint32_t>(by_name->type)), by_name);
  EXPECT_EQ(&format_of(by_name->type), by_name);
}

TEST_P(EveryFormat, DecodesBitForBit) {
  if (GetParam() == "F32") {
    return;  // a copy
  }
  const std::string base = testing::data_dir() + "/quants/" + GetParam();
  const std::string blocks = testing::read_file(base + ".blocks.bin");
  const std::string want = testing::read_file(base + ".f32.bin");
  ASSERT_FALSE(blocks.empty());
  // Shifted by one byte: blocks may lie at any alignment.
  const std::string shifted = "x" + blocks;
  const auto n = static_cast<std::int64_t>(blocks.size()) / format().block_bytes;
  std::vector<float> got(static_cast<std::size_t>(n * format().block_len));
  format().decode(reinterpret_cast<const std::byte*>(shifted.data()) + 1, got.data(), n);
  ASSERT_EQ(got.size() * sizeof(float), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(std::memcmp(&got[i], want.data() + i * sizeof(float), sizeof(float)), 0)
        << "weight " << i << ": " << got[i];
  }
}

TEST_P(EveryFormat, EncodeIsNearDecode) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0.1f, 1.0f);
  std::vector<float> values(2048);
  for (float& value : values) {
    value = normal(random);
  }
  const std::vector<float> got = decode(format(), encode(format(), values));
  double error = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    error += std::pow(values[i] - got[i], 2);
  }
  const double rms = std::sqrt(error / static_cast<double>(values.size()));
  const double limit = GetParam() == "MXFP4"                            ? 0.12
                       : std::string_view(GetParam()).starts_with("Q4") ? 0.1
                       : format().block_len > 32                        ? 0.03
                                                                        : 0.01;
  EXPECT_LT(rms, limit);
}

TEST_P(EveryFormat, EncodeTakesAnyFloat) {
  for (const float value : {0.0f, -0.0f, 1e-45f, 3.4e38f, -3.4e38f, std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> values(256, value);
    values[3] = -1.0f;
    EXPECT_EQ(decode(format(), encode(format(), values)).size(), 256u);
  }
  const std::vector<float> zeros(256, 0.0f);
  EXPECT_EQ(decode(format(), encode(format(), zeros)), zeros);
}

INSTANTIATE_TEST_SUITE_P(Quant, EveryFormat,
                         ::testing::Values("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_K", "Q6_K", "MXFP4"));

TEST(Formats, UnknownIsNull) {
  EXPECT_EQ(find_format(13u), nullptr);
  EXPECT_EQ(find_format(0xffffffffu), nullptr);
  EXPECT_EQ(find_format(std::string_view("Q5_K")), nullptr);
  EXPECT_EQ(formats().size(), 8u);
}

TEST(Half, EveryPatternReturns) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const bool f16_nan = (bits & 0x7c00) == 0x7c00 && (bits & 0x3ff) != 0;
    ASSERT_EQ(f32_to_f16(f16_to_f32(half)), f16_nan ? half | 0x200 : half) << bits;
    const bool bf16_nan = (bits & 0x7f80) == 0x7f80 && (bits & 0x7f) != 0;
    ASSERT_EQ(f32_to_bf16(bf16_to_f32(half)), bf16_nan ? half | 0x40 : half) << bits;
  }
}

/// The nearest of two neighbours, found by comparing distances in double: the meaning of rounding.
TEST(Half, RoundsToNearestEven) {
  for (std::uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const double low = f16_to_f32(static_cast<std::uint16_t>(bits));
    const double high = f16_to_f32(static_cast<std::uint16_t>(bits + 1));
    const auto middle = static_cast<float>((low + high) / 2);
    const std::uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    ASSERT_EQ(f32_to_f16(middle), even);
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 1e9f)), bits + 1);
    ASSERT_EQ(f32_to_f16(-middle), even | 0x8000);
  }
  EXPECT_EQ(f32_to_f16(65504.0f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65519.9f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(f32_to_f16(std::numeric_limits<float>::infinity()), 0x7c00);
}

}  // namespace
}  // namespace llorch
