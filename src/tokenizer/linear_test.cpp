// A megabyte of one kind of character goes through every pre-tokenizer and model on a small stack, in steps that grow
// as the text does.
#include <gtest/gtest.h>
#include <pthread.h>

#include <fmt/format.h>

#include <functional>
#include <set>

#include "base/utf8.h"
#include "tokenizer/bpe.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/gguf_pre.h"
#include "tokenizer/spm.h"

namespace llorch {
namespace {

/// Runs `body` on a stack of 256 KiB.
void on_small_stack(std::function<void()> body) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
  pthread_t thread;
  const auto call = [](void* f) -> void* {
    (*static_cast<std::function<void()>*>(f))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, call, &body), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

const std::vector<std::string>& units() {
  static const std::vector<std::string> kUnits = {"a",          "1",      " ",  "\n",   "!",        "\u6f22",
                                                  "\U0001F600", "\u0301", "aB", "\x01", "\xFF\xC3", "a 1\n!\u6f22"};
  return kUnits;
}

/// Valid UTF-8, as the pipeline makes it.
std::string run_of(const std::string& unit, std::size_t n_bytes) {
  std::string text;
  while (text.size() < n_bytes) {
    text += unit;
  }
  return is_utf8(text) ? text : repair_utf8(text);
}

std::size_t count_steps(const std::vector<PreTokenizeStep>& steps, const std::string& text) {
  Pieces pieces;
  pieces.set(text, true);
  pre_tokenize(steps, pieces);
  return pieces.regex.steps() + pieces.spans().size();
}

TEST(Linear, PreTokenizers) {
  on_small_stack([] {
    std::set<const PreRule*> seen;  // many names share a rule
    for (const std::string_view name : known_pre_names()) {
      if (!seen.insert(find_pre_rule(name)).second) {
        continue;
      }
      const auto steps = make_pre_steps(*find_pre_rule(name)).value();
      for (const std::string& unit : units()) {
        const std::size_t once = count_steps(steps, run_of(unit, 12000));
        const std::size_t twice = count_steps(steps, run_of(unit, 24000));
        EXPECT_LT(twice, once * 5 / 2 + 1000) << name << " on " << ::testing::PrintToString(unit);
      }
    }
    const auto steps = make_pre_steps(*find_pre_rule("gpt-4o")).value();
    for (const std::string& unit : units()) {
      EXPECT_LT(count_steps(steps, run_of(unit, 1 << 20)), std::size_t{40} << 20) << ::testing::PrintToString(unit);
    }
  });
}

std::shared_ptr<Vocab> letters(std::vector<std::string> texts) {
  auto vocab = std::make_shared<Vocab>(texts.size(), 4096);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    vocab->add(static_cast<std::int32_t>(i), texts[i]);
  }
  return vocab;
}

TEST(Linear, Models) {
  on_small_stack([] {
    std::vector<std::string> texts;
    for (int b = 0; b < 256; ++b) {
      const char byte = static_cast<char>(b);
      append_byte_level({&byte, 1}, texts.emplace_back());
    }
    const auto first = static_cast<std::int32_t>(texts.size());
    for (std::size_t n = 2; n <= 256; n *= 2) {
      texts.push_back(std::string(n, 'a'));
    }
    MergeTable merges(8);
    merges.add('a', 'a', first);
    for (std::int32_t i = 1; i < 8; ++i) {
      merges.add(first + i - 1, first + i - 1, first + i);
    }
    BpeOptions options;
    options.raw_bytes = true;
    const BpeModel bpe(letters(texts), std::move(merges), options);
    std::vector<std::string> spm_texts;
    for (int b = 0; b < 256; ++b) {
      spm_texts.push_back(fmt::format("<0x{:02X}>", b));
    }
    spm_texts.insert(spm_texts.end(), {"a", "aa", "aaaa", "1", "11"});
    const auto spm_vocab = letters(spm_texts);
    const SpmModel spm(spm_vocab, std::vector<float>(spm_texts.size(), 0.0f), byte_token_ids(*spm_vocab));
    for (const std::string& unit : units()) {
      const std::string text = run_of(unit, unit == "a" ? 1 << 20 : 1 << 17);
      for (const TokenModel* model : {static_cast<const TokenModel*>(&bpe), static_cast<const TokenModel*>(&spm)}) {
        MergeScratch scratch;
        std::vector<std::int32_t> ids;
        model->encode(text, scratch, ids);
        EXPECT_GE(ids.size(), text.size() / 256);
        EXPECT_LE(ids.size(), text.size());
      }
    }
  });
}

}  // namespace
}  // namespace llorch
