// Ids and texts of real tokenizers, as Hugging Face tokenizers and llama.cpp give them, through both routes:
// tokenizer.json and GGUF. The vocabularies are other people's: they are read from LLORCH_TESTDATA and skipped without
// it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "support/json_lines.h"
#include "support/testdata.h"
#include "tokenizer/tokenizer.h"

namespace llorch {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

struct Loaded {
  std::unique_ptr<Checkpoint> checkpoint;  // GGUF only
  std::unique_ptr<Tokenizer> tokenizer;
};

Loaded load(const std::string& folder, bool gguf) {
  Loaded loaded;
  if (gguf) {
    auto checkpoint = open_checkpoint(folder + "/vocab.gguf");
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    loaded.checkpoint = std::make_unique<Checkpoint>(std::move(checkpoint).value());
    auto tokenizer = make_tokenizer(*loaded.checkpoint);
    EXPECT_TRUE(tokenizer.ok()) << (tokenizer.ok() ? "" : tokenizer.error().message);
    loaded.tokenizer = tokenizer.ok() ? std::move(tokenizer).value() : nullptr;
  } else {
    auto tokenizer = load_tokenizer_json(folder + "/tokenizer.json");
    EXPECT_TRUE(tokenizer.ok()) << (tokenizer.ok() ? "" : tokenizer.error().message);
    loaded.tokenizer = tokenizer.ok() ? std::move(tokenizer).value() : nullptr;
  }
  return loaded;
}

std::string from_base64(const std::string& text) {
  std::string out;
  unsigned bits = 0;
  int n_bits = 0;
  for (const char c : text) {
    const std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::size_t value = alphabet.find(c);
    if (value == std::string_view::npos) {
      break;
    }
    bits = bits << 6 | static_cast<unsigned>(value);
    n_bits += 6;
    if (n_bits >= 8) {
      n_bits -= 8;
      out += static_cast<char>(bits >> n_bits & 0xFF);
    }
  }
  return out;
}

std::string stream(const Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  StreamDecoder decoder(tokenizer, true, skip_special);
  std::string text;
  for (const std::int32_t id : ids) {
    text += decoder.push(id);
  }
  return text + decoder.finish();
}

class Vectors : public ::testing::TestWithParam<std::tuple<std::string, bool>> {
 protected:
  void SetUp() override {
    LLORCH_NEEDS_EXTRA_DATA("tokenizer vectors of " << name() << (gguf() ? " (GGUF)" : " (tokenizer.json)"));
    folder_ = *testing::extra_data_dir() + "/tokenizers/" + name();
    if (!std::filesystem::exists(folder_ + "/vectors.jsonl")) {
      GTEST_SKIP() << folder_ << " is not there";
    }
    loaded_ = load(folder_, gguf());
    ASSERT_NE(loaded_.tokenizer, nullptr);
  }
  std::string name() const { return std::get<0>(GetParam()); }
  bool gguf() const { return std::get<1>(GetParam()); }
  const Tokenizer& tokenizer() const { return *loaded_.tokenizer; }

  /// Compares encode() with vector[key]; on the GGUF route llama.cpp's own answer will do.
  void check_ids(const json& vector, const std::string& key, const Ids& expected, const EncodeOptions& options) {
    const Ids ids = tokenizer().encode(vector["text"].get<std::string>(), options);
    if (ids == expected) {
      return;
    }
    const bool allowed = gguf() && vector.contains("llamacpp") && vector["llamacpp"].contains(key) &&
                         vector["llamacpp"][key].get<Ids>() == ids;
    if (!allowed && ++n_failures_ <= 5) {
      ADD_FAILURE() << key << " of " << vector["text"].dump() << " (" << vector["note"] << "): " << json(ids).dump()
                    << ", expected " << json(expected).dump();
    }
  }
  void check_text(const json& vector, const std::string& key, const std::string& text, const std::string& expected) {
    if (text != expected && ++n_failures_ <= 5) {
      ADD_FAILURE() << key << " of " << vector["ids"].dump() << ": " << ::testing::PrintToString(text) << ", expected "
                    << ::testing::PrintToString(expected);
    }
  }
  /// llama 2's special tokens are "normalized" in tokenizer.json, so Hugging Face shows them with a space before and
  /// never skips them; a GGUF does not say so.
  bool shows_alike() const { return !(gguf() && name() == "llama2"); }

  std::string folder_;
  Loaded loaded_;
  int n_failures_ = 0;
};

TEST_P(Vectors, Encode) {
  int n_checked = 0;
  for (const json& vector : testing::read_json_lines(folder_ + "/vectors.jsonl")) {
    if (!vector.contains("text")) {
      const std::string bytes = from_base64(vector["bytes_b64"].get<std::string>());
      static_cast<void>(tokenizer().encode(bytes, {true, true}));
      continue;
    }
    const Ids ids = vector["ids"].get<Ids>();
    check_ids(vector, "ids", ids, {true, false});
    check_ids(vector, "ids_plain", vector.value("ids_plain", ids), {false, false});
    const Ids special = vector["ids_special"].get<Ids>();
    if (gguf() && name() == "phi-3-mini") {
      // The GGUF asks for a BOS, the tokenizer.json does not.
    } else if (gguf() && vector.contains("llamacpp")) {
      // The same with what add_special puts around it.
      const Ids body = tokenizer().encode(vector["text"].get<std::string>(), {true, false});
      const Ids whole = tokenizer().encode(vector["text"].get<std::string>(), {true, true});
      EXPECT_EQ(whole.size() - body.size(), special.size() - ids.size());
    } else {
      check_ids(vector, "ids_special", special, {true, true});
    }
    const std::string decoded = vector["decoded"].get<std::string>();
    const bool has_special = std::any_of(ids.begin(), ids.end(), [&](auto id) { return tokenizer().is_special(id); });
    if (shows_alike() || !has_special) {
      check_text(vector, "decoded", tokenizer().decode(ids, false).value(), decoded);
    }
    if (shows_alike() && name() != "deepseek-llm") {  // of which nobody said it
      const std::string skipped = vector.value("decoded_skip", decoded);
      check_text(vector, "decoded_skip", tokenizer().decode(special, true).value(), skipped);
    }
    ++n_checked;
  }
  EXPECT_EQ(n_failures_, 0);
  std::cout << name() << (gguf() ? " GGUF: " : " tokenizer.json: ") << n_checked << " vectors\n";
}

TEST_P(Vectors, Decode) {
  int n_checked = 0;
  for (const json& vector : testing::read_json_lines(folder_ + "/decode.jsonl")) {
    const Ids ids = vector["ids"].get<Ids>();
    std::string pieces;
    for (const std::int32_t id : ids) {
      pieces += tokenizer().piece(id);
    }
    check_text(vector, "pieces", pieces, from_base64(vector["pieces_b64"].get<std::string>()));
    if (vector.contains("decoded")) {
      const std::string decoded = vector["decoded"].get<std::string>();
      check_text(vector, "decoded", tokenizer().decode(ids, false).value(), decoded);
      const std::string skipped = vector.value("decoded_skip", decoded);
      check_text(vector, "decoded_skip", tokenizer().decode(ids, true).value(), skipped);
      if (decoded.find("\xEF\xBF\xBD") == std::string::npos) {  // damaged UTF-8 may be replaced in other portions
        check_text(vector, "streamed", stream(tokenizer(), ids, false), decoded);
        check_text(vector, "streamed_skip", stream(tokenizer(), ids, true), skipped);
      }
    }
    ++n_checked;
  }
  EXPECT_EQ(n_failures_, 0);
  std::cout << name() << (gguf() ? " GGUF: " : " tokenizer.json: ") << n_checked << " decodes\n";
}

std::string test_name(const ::testing::TestParamInfo<std::tuple<std::string, bool>>& info) {
  std::string name = std::get<0>(info.param) + (std::get<1>(info.param) ? "_gguf" : "_json");
  for (char& c : name) {
    c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Real, Vectors,
                         ::testing::Combine(::testing::Values("llama3", "llama3-20k", "qwen2.5_qwen3", "qwen2.5-20k",
                                                              "gpt2", "llama2", "tok512", "gpt-oss-20k",
                                                              "gpt-oss_o200k", "phi-3-mini"),
                                            ::testing::Bool()),
                         test_name);
INSTANTIATE_TEST_SUITE_P(GgufOnly, Vectors,
                         ::testing::Combine(::testing::Values("deepseek-llm"), ::testing::Values(true)), test_name);

// Both routes give the same ids where a folder has both files; the texts are those of other vectors.
class BothRoutes : public ::testing::TestWithParam<std::string> {};

TEST_P(BothRoutes, SameIds) {
  LLORCH_NEEDS_EXTRA_DATA("both routes of " << GetParam());
  const std::string folders = *testing::extra_data_dir() + "/tokenizers/";
  const Loaded json_route = load(folders + GetParam(), false);
  const Loaded gguf_route = load(folders + GetParam(), true);
  ASSERT_NE(json_route.tokenizer, nullptr);
  ASSERT_NE(gguf_route.tokenizer, nullptr);
  int n_different = 0;
  for (const json& vector : testing::read_json_lines(folders + "gpt2/vectors.jsonl")) {
    if (!vector.contains("text")) {
      continue;
    }
    const std::string text = vector["text"].get<std::string>();
    for (const EncodeOptions options : {EncodeOptions{false, false}, EncodeOptions{true, true}}) {
      const Ids a = json_route.tokenizer->encode(text, options);
      const Ids b = gguf_route.tokenizer->encode(text, options);
      if (a != b && ++n_different <= 5) {
        ADD_FAILURE() << vector["text"].dump() << ": tokenizer.json " << json(a).dump() << ", GGUF " << json(b).dump();
      }
    }
  }
  EXPECT_EQ(n_different, 0);
}

INSTANTIATE_TEST_SUITE_P(Real, BothRoutes, ::testing::Values("falcon", "phi-2", "mistral_v1", "mistral_v3"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Vocabularies without vectors: whatever text goes in comes out again.
TEST(RoundTrip, OtherVocabularies) {
  LLORCH_NEEDS_EXTRA_DATA("round trips of mistral, phi-2, starcoder and other vocabularies");
  const std::string text =
      "The quick brown fox, 1234 times!\n\n\tif (x == \"\u00e9\") { \u6f22\u5b57 \U0001F600 }  end";
  const std::pair<const char*, bool> kFolders[] = {
      {"mistral_v1", false},    {"mistral_v1", true}, {"mistral_v3", false},
      {"mistral_v3", true},     {"phi-2", false},     {"phi-2", true},
      {"refact", true},         {"starcoder", true},  {"baichuan", true},
      {"deepseek-coder", true}, {"falcon", true},     {"falcon", false},
      {"gpt-neox", true},       {"mpt", true}};
  for (const auto& [name, gguf] : kFolders) {
    const Loaded loaded = load(*testing::extra_data_dir() + "/tokenizers/" + name, gguf);
    ASSERT_NE(loaded.tokenizer, nullptr) << name;
    const Ids ids = loaded.tokenizer->encode(text, {});
    EXPECT_EQ(loaded.tokenizer->decode(ids, false).value(), text) << name;
    EXPECT_EQ(stream(*loaded.tokenizer, ids, true), text) << name;
  }
}

TEST(EndIds, Real) {
  LLORCH_NEEDS_EXTRA_DATA("end-of-turn tokens of llama 3 and qwen 2.5");
  const auto ids = [](const char* name, bool gguf) {
    const Loaded loaded = load(*testing::extra_data_dir() + "/tokenizers/" + name, gguf);
    const auto span = loaded.tokenizer->end_ids();
    return Ids(span.begin(), span.end());
  };
  EXPECT_EQ(ids("llama3", true), (Ids{128001, 128008, 128009}));
  EXPECT_EQ(ids("llama3", false), (Ids{128009}));
  EXPECT_EQ(ids("qwen2.5_qwen3", true), (Ids{151643, 151645}));
}

}  // namespace
}  // namespace llorch
