// Formats against blocks that two independent programs decoded, bit by bit; and encode against decode.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <vector>

#include "quant/floats/e4m3.h"
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

bool fields_are_finite(const Format& format, const std::byte* blocks, std::int64_t n_blocks) {
  for (std::int64_t b = 0; b < n_blocks; ++b, blocks += format.block_bytes) {
    for (const FloatField& field : format.float_fields) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, blocks + field.offset, static_cast<std::size_t>(field.width_bytes));
      if ((bits & field.exponent) == field.exponent) {
        return false;
      }
    }
  }
  return true;
}

/// Root mean square error of plain rounding that is still right for normal weights of deviation 1.
double rms_limit(const std::string& name) {
  static const std::map<std::string, double> kLimits = {
      {"F32", 1e-9},   {"F16", 3e-4},    {"BF16", 2e-3},   {"Q8_0", 0.006}, {"Q4_0", 0.09},  {"Q4_1", 0.08},
      {"Q5_0", 0.045}, {"Q5_1", 0.04},   {"Q2_K", 0.35},   {"Q3_K", 0.17},  {"Q4_K", 0.08},  {"Q5_K", 0.04},
      {"Q6_K", 0.02},  {"IQ4_NL", 0.09}, {"IQ4_XS", 0.09}, {"TQ1_0", 0.85}, {"TQ2_0", 0.85}, {"Q1_0", 0.65},
      {"Q2_0", 0.75},  {"MXFP4", 0.12},  {"NVFP4", 0.1}};
  return kLimits.at(name);
}

class EveryFormat : public ::testing::TestWithParam<Format> {
 protected:
  const Format& format() const { return GetParam(); }
  std::string name() const { return std::string(format().name); }
};

TEST_P(EveryFormat, IsInTheListByNameAndId) {
  const Format* by_name = find_format(format().name);
  ASSERT_NE(by_name, nullptr);
  EXPECT_EQ(by_name->type, format().type);
  EXPECT_EQ(find_format(static_cast<std::uint32_t>(by_name->type)), by_name);
  EXPECT_EQ(&format_of(by_name->type), by_name);
}

TEST_P(EveryFormat, DecodesBitForBit) {
  if (name() == "F32") {
    return;  // a copy
  }
  const std::string base = testing::data_dir() + "/quants/" + name();
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

/// Any bytes, in memory of exactly their size at any alignment: AddressSanitizer sees a step beyond. What decode makes
/// of blocks whose float_fields are finite is finite.
TEST_P(EveryFormat, DecodesAnyBytes) {
  std::mt19937 random(11);
  for (int i = 0; i < 300; ++i) {
    const std::int64_t n = 1 + i % 3;
    const auto shift = static_cast<std::size_t>(i % 2);
    std::vector<std::byte> bytes(static_cast<std::size_t>(n * format().block_bytes) + shift);
    std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::byte>(i == 0 ? 0xff : random()); });
    std::vector<float> out(static_cast<std::size_t>(n * format().block_len));
    format().decode(bytes.data() + shift, out.data(), n);
    if (fields_are_finite(format(), bytes.data() + shift, n)) {
      EXPECT_TRUE(std::all_of(out.begin(), out.end(), [](float value) { return std::isfinite(value); }));
    }
  }
}

/// A scale that is NaN shows in the weights; only NVFP4's does not, as ggml reads 0 there.
TEST_P(EveryFormat, FloatFieldsTellNotANumber) {
  for (const FloatField& field : format().float_fields) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(format().block_bytes), std::byte{0x77});
    EXPECT_TRUE(fields_are_finite(format(), bytes.data(), 1));
    std::memcpy(bytes.data() + field.offset, &field.exponent, static_cast<std::size_t>(field.width_bytes));
    EXPECT_FALSE(fields_are_finite(format(), bytes.data(), 1));
    std::vector<float> out(static_cast<std::size_t>(format().block_len));
    format().decode(bytes.data(), out.data(), 1);
    if (name() != "NVFP4") {
      EXPECT_FALSE(std::all_of(out.begin(), out.end(), [](float value) { return std::isfinite(value); }));
    }
  }
  EXPECT_FALSE(format().float_fields.empty());
}

TEST_P(EveryFormat, EncodeIsNearDecode) {
  if (format().encode == nullptr) {
    return;
  }
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
  EXPECT_LT(rms, rms_limit(name()));
}

TEST_P(EveryFormat, EncodeTakesAnyFloat) {
  if (format().encode == nullptr) {
    return;
  }
  for (const float value : {0.0f, -0.0f, 1e-45f, 3.4e38f, -3.4e38f, std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> values(256, value);
    values[3] = -1.0f;
    EXPECT_EQ(decode(format(), encode(format(), values)).size(), 256u);
  }
  const std::vector<float> zeros(256, 0.0f);
  EXPECT_EQ(decode(format(), encode(format(), zeros)), zeros);
}

INSTANTIATE_TEST_SUITE_P(Quant, EveryFormat, ::testing::ValuesIn(formats().begin(), formats().end()),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(Formats, UnknownIsNull) {
  EXPECT_EQ(find_format(4u), nullptr);  // Q4_2, long gone
  EXPECT_EQ(find_format(0xffffffffu), nullptr);
  EXPECT_EQ(find_format(static_cast<std::uint32_t>(DType::f8_e4m3)), nullptr);
  EXPECT_EQ(find_format(std::string_view("Q4_2")), nullptr);
  EXPECT_EQ(formats().size(), 28u);
}

/// Every value of E4M3 returns, a float between two goes to the nearest, and what is too large to the largest.
TEST(E4m3, RoundsToNearestEven) {
  for (int bits = 0; bits < 0x7f; ++bits) {
    const float low = e4m3_to_f32(static_cast<std::uint8_t>(bits));
    EXPECT_EQ(f32_to_e4m3(low), bits);
    EXPECT_EQ(f32_to_e4m3(-low), bits | 0x80);
    if (bits < 0x7e) {
      const float middle = (low + e4m3_to_f32(static_cast<std::uint8_t>(bits + 1))) / 2;
      EXPECT_EQ(f32_to_e4m3(middle), bits % 2 == 0 ? bits : bits + 1);
      EXPECT_EQ(f32_to_e4m3(std::nextafter(middle, 0.0f)), bits);
      EXPECT_EQ(f32_to_e4m3(std::nextafter(middle, 1e9f)), bits + 1);
    }
  }
  EXPECT_EQ(e4m3_to_f32(0x01), 0x1p-9f);
  EXPECT_EQ(e4m3_to_f32(0x7e), 448.0f);
  EXPECT_TRUE(std::isnan(e4m3_to_f32(0x7f)) && std::isnan(e4m3_to_f32(0xff)));
  EXPECT_EQ(f32_to_e4m3(1e9f), 0x7e);
  EXPECT_EQ(f32_to_e4m3(std::numeric_limits<float>::quiet_NaN()) & 0x7f, 0x7f);
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
