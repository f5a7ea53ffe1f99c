// Damaged model files, made from good ones: cut at every length that matters, flipped bits, absurd numbers at every
// place. Each must open or be refused by a typed, one-line error that names the file, and must not make the reader
// allocate more than the file explains.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "largest_allocation.h"
#include "support/gguf_writer.h"
#include "support/promises.h"
#include "support/temp_dir.h"
#include "support/testdata.h"

namespace llorch {
namespace {

using testing::raw;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

std::span<const std::byte> as_bytes(const std::string& image) {
  return {reinterpret_cast<const std::byte*>(image.data()), image.size()};
}

void expect_modest_allocations(std::size_t file_bytes) {
  EXPECT_LE(testing::largest_allocation(), 64 * file_bytes + (1 << 20));
}

/// A reader under test: true when it accepted the image. Aborts (promises.h) when it breaks a promise.
using Reader = std::function<bool(const std::string& image)>;

bool read_gguf(const std::string& image) {
  testing::reset_largest_allocation();
  const auto checkpoint = parse_gguf(as_bytes(image), "bad.gguf");
  expect_modest_allocations(image.size());
  if (!checkpoint.ok()) {
    testing::check_error(checkpoint.error(), "bad.gguf: ");
    return false;
  }
  for (const auto& [name, tensor] : checkpoint->tensors) {
    testing::decode_ends(tensor);
  }
  return true;
}

bool read_safetensors(const std::string& image) {
  testing::reset_largest_allocation();
  const auto tensors = parse_safetensors(as_bytes(image), "bad.safetensors");
  expect_modest_allocations(image.size());
  if (!tensors.ok()) {
    testing::check_error(tensors.error(), "bad.safetensors: ");
    return false;
  }
  for (const Tensor& tensor : *tensors) {
    testing::decode_ends(tensor);
  }
  return true;
}

struct GoodImage {
  std::string name;
  std::string bytes;
  std::size_t header_bytes;  // what comes before the first tensor's data
  Reader read;
};

GoodImage good_gguf(const std::string& family) {
  GoodImage good{family + ".gguf", read_file(testing::data_dir() + "/families/" + family + "/model.gguf"), 0,
                 read_gguf};
  const auto checkpoint = parse_gguf(as_bytes(good.bytes), "good");
  EXPECT_TRUE(checkpoint.ok());
  good.header_bytes = good.bytes.size();
  for (const auto& [name, tensor] : checkpoint->tensors) {
    good.header_bytes = std::min<std::size_t>(good.header_bytes, tensor.file_offset);
  }
  return good;
}

GoodImage good_safetensors(const std::string& family) {
  GoodImage good{family + ".safetensors",
                 read_file(testing::data_dir() + "/families/" + family + "/hf/model.safetensors"), 0, read_safetensors};
  const auto tensors = parse_safetensors(as_bytes(good.bytes), "good");
  EXPECT_TRUE(tensors.ok());
  good.header_bytes = tensors->front().file_offset;
  return good;
}

class Damaged : public ::testing::TestWithParam<std::string> {
 protected:
  GoodImage good() const {
    const std::string name = GetParam();
    const std::string family = name.substr(0, name.find('.'));
    return name.ends_with(".gguf") ? good_gguf(family) : good_safetensors(family);
  }
};

TEST_P(Damaged, TheGoodImageIsAccepted) {
  const GoodImage image = good();
  EXPECT_TRUE(image.read(image.bytes));
}

TEST_P(Damaged, CutAtEveryKindOfPlace) {
  const GoodImage image = good();
  std::set<std::size_t> lengths = {image.bytes.size() - 1, image.header_bytes - 1, image.header_bytes,
                                   image.header_bytes + 1};
  for (std::size_t i = 0; i < std::min<std::size_t>(1500, image.header_bytes); ++i) {
    lengths.insert(i);  // every boundary of the first entries, and everything between
  }
  std::mt19937_64 random(11);
  for (int i = 0; i < 500; ++i) {
    lengths.insert(random() % image.header_bytes);
    lengths.insert(random() % image.bytes.size());
  }
  for (const std::size_t length : lengths) {
    EXPECT_FALSE(image.read(image.bytes.substr(0, length))) << "cut at " << length;
  }
}

TEST_P(Damaged, FlippedBitsInTheHeader) {
  GoodImage image = good();
  std::mt19937_64 random(12);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::size_t at = random() % image.header_bytes;
    const auto mask = static_cast<char>(1u << random() % 8);
    image.bytes[at] = static_cast<char>(image.bytes[at] ^ mask);
    refused += image.read(image.bytes) ? 0 : 1;
    image.bytes[at] = static_cast<char>(image.bytes[at] ^ mask);
  }
  EXPECT_GT(refused, 100);
}

TEST_P(Damaged, AbsurdNumbersAtEveryPlace) {
  const GoodImage image = good();
  const std::uint64_t absurd[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, INT64_MAX, UINT64_MAX};
  std::mt19937_64 random(13);
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = image.bytes;
    const std::size_t at = i < 600 ? static_cast<std::size_t>(i) : random() % (image.header_bytes - 8);
    std::memcpy(bytes.data() + at, &absurd[random() % std::size(absurd)], random() % 2 == 0 ? 4 : 8);
    image.read(bytes);
  }
}

TEST_P(Damaged, BytesRemovedDoubledOrAdded) {
  const GoodImage image = good();
  std::mt19937_64 random(14);
  for (int i = 0; i < 1000; ++i) {
    std::string bytes = image.bytes;
    const std::size_t at = random() % image.header_bytes;
    const std::size_t n = 1 + random() % 40;
    switch (random() % 3) {
      case 0:
        bytes.erase(at, n);
        break;
      case 1:
        bytes.insert(at, image.bytes, at, n);
        break;
      default:
        bytes.insert(at, n, static_cast<char>(random()));
    }
    image.read(bytes);
  }
}

INSTANTIATE_TEST_SUITE_P(Images, Damaged,
                         ::testing::Values("llama.gguf", "qwen2.gguf", "llama.safetensors", "qwen2.safetensors"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

/// Small images that claim to hold much: the number at `at` is what the reader must not believe.
TEST(Claims, AreNotBelieved) {
  const std::string head = "GGUF" + raw(3u);
  for (const std::uint64_t n : {std::uint64_t{1000}, std::uint64_t{1} << 31, std::uint64_t{1} << 40, UINT64_MAX}) {
    EXPECT_FALSE(read_gguf(head + raw(n) + raw<std::uint64_t>(0)));
    EXPECT_FALSE(read_gguf(head + raw<std::uint64_t>(0) + raw(n)));
    for (const std::uint32_t type : {0u, 4u, 6u, 8u, 12u}) {
      EXPECT_FALSE(read_gguf(testing::GgufWriter().key("a", 9, raw(type) + raw(n)).bytes()));
    }
    EXPECT_FALSE(read_gguf(testing::GgufWriter().key("a", 8, raw(n)).bytes()));
    EXPECT_FALSE(read_gguf(testing::GgufWriter().tensor("t", {n, n, n, n}, 0, "").bytes()));
    EXPECT_FALSE(read_safetensors(raw(n) + "{}"));
  }
}

TEST(Claims, DenseFilesStayModest) {
  // As many entries as bytes allow: what each costs in memory is bounded too.
  testing::GgufWriter flags;
  flags.array("flags", 7, std::vector<std::string>(200'000, std::string(1, '\1')));
  EXPECT_TRUE(read_gguf(flags.bytes()));
  EXPECT_GE(testing::largest_allocation(), 200'000u);  // the watch works
  testing::GgufWriter words;
  words.array("words", 8, std::vector<std::string>(50'000, raw<std::uint64_t>(0)));
  EXPECT_TRUE(read_gguf(words.bytes()));
}

/// The same through the file system, for the whole directory.
TEST(DamagedDirectory, EveryFileOfIt) {
  const TempDir folder;
  const std::string from = testing::data_dir() + "/families/llama/hf/";
  const std::vector<std::string> files = {"config.json", "model.safetensors", "tokenizer_config.json"};
  for (const std::string& file : files) {
    write_file(folder / file, read_file(from + file));
  }
  ASSERT_TRUE(open_checkpoint(folder.path()).ok());
  std::mt19937_64 random(15);
  for (const std::string& file : files) {
    const std::string bytes = read_file(from + file);
    for (int i = 0; i < 150; ++i) {
      std::string damaged = bytes;
      const std::size_t at = random() % std::min<std::size_t>(bytes.size(), 4000);
      if (i % 2 == 0) {
        damaged.resize(at);
      } else {
        damaged[at] = static_cast<char>(random());
      }
      write_file(folder / file, damaged);
      testing::reset_largest_allocation();
      const auto checkpoint = open_checkpoint(folder.path());
      expect_modest_allocations(damaged.size());
      if (!checkpoint.ok()) {
        testing::check_error(checkpoint.error(), folder / file);
      }
    }
    write_file(folder / file, bytes);
  }
}

TEST(DamagedDirectory, AGgufOnDisk) {
  const TempDir folder;
  const std::string path = folder / "bad.gguf";
  const std::string bytes = read_file(testing::data_dir() + "/families/llama/model.gguf");
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{3}, std::size_t{24}, std::size_t{4096}, bytes.size() - 1}) {
    write_file(path, bytes.substr(0, length));
    const auto checkpoint = open_checkpoint(path);
    ASSERT_FALSE(checkpoint.ok());
    testing::check_error(checkpoint.error(), path + ": ");
  }
}

}  // namespace
}  // namespace llorch
