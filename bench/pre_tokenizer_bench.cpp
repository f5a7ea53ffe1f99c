// Times how a megabyte of one class of character goes through every pre-tokenizer of GGUF's names, on a stack of
// 256 KiB, and through whole tokenizers (normalizer, added tokens, model). One line each:
//
//   pre_tokenizer_bench [TOKENIZER.json ...]
//   NAME  worst ms a MiB, of which class, and that class at 2 MiB over 1 MiB (2.0 is linear)
#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "tokenizer/gguf_pre.h"
#include "tokenizer/tokenizer.h"

namespace llorch {
namespace {

struct CharacterClass {
  std::string_view name;
  std::string_view unit;  // repeated
};

constexpr CharacterClass kClasses[] = {
    {"letter", "a"},
    {"digit", "1"},
    {"space", " "},
    {"newline", "\n"},
    {"mark", "!"},
    {"Han", "漢"},
    {"emoji", "😀"},
    {"combining", "\u0301"},
    {"mixed case", "aB"},
    {"control", "\x01"},
    {"bad UTF-8", "\xFF\xC3"},
    {"mixed", "a 1\n!漢"},
};
constexpr std::size_t kMiB = 1 << 20;
constexpr std::size_t kStackBytes = 256 * 1024;

std::string run_of(const CharacterClass& of, std::size_t n_bytes) {
  std::string text;
  while (text.size() < n_bytes) {
    text += of.unit;
  }
  return is_utf8(text) ? text : repair_utf8(text);
}

double ms_of(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

/// The median of three.
double median_ms(const std::function<void()>& body) {
  double ms[3] = {ms_of(body), ms_of(body), ms_of(body)};
  std::sort(std::begin(ms), std::end(ms));
  return ms[1];
}

void report(std::string_view name, const std::function<void(const std::string&)>& take) {
  double worst = 0;
  const CharacterClass* of = &kClasses[0];
  for (const CharacterClass& each : kClasses) {
    const std::string text = run_of(each, kMiB);
    const double ms = median_ms([&] { take(text); }) * kMiB / static_cast<double>(text.size());
    if (ms > worst) {
      worst = ms;
      of = &each;
    }
  }
  const std::string once = run_of(*of, kMiB);
  const std::string twice = run_of(*of, 2 * kMiB);
  const double growth = median_ms([&] { take(twice); }) / median_ms([&] { take(once); });
  fmt::print("{:<40} {:8.1f} ms  {:<10} x{:.2f}\n", name, worst, of->name, growth);
  std::fflush(stdout);
}

void on_small_stack(std::function<void()> body) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t thread;
  const auto call = [](void* f) -> void* {
    (*static_cast<std::function<void()>*>(f))();
    return nullptr;
  };
  if (pthread_create(&thread, &attributes, call, &body) == 0) {
    pthread_join(thread, nullptr);
  }
  pthread_attr_destroy(&attributes);
}

void report_pre_tokenizers() {
  std::set<const PreRule*> seen;  // many names share a rule
  for (const std::string_view name : known_pre_names()) {
    const PreRule* rule = find_pre_rule(name);
    if (!seen.insert(rule).second) {
      continue;
    }
    const auto steps = make_pre_steps(*rule).value();
    report(name, [&](const std::string& text) {
      Pieces pieces;
      pieces.set(text, true);
      pre_tokenize(steps, pieces);
    });
  }
}

void report_tokenizer(const char* path) {
  const auto tokenizer = load_tokenizer_json(path);
  if (!tokenizer.ok()) {
    fmt::print("{}: {}\n", path, tokenizer.error().message);
    return;
  }
  report(path, [&](const std::string& text) { (void)(*tokenizer)->encode(text, {true, false}); });
}

}  // namespace
}  // namespace llorch

int main(int argc, char** argv) {
  llorch::on_small_stack([&] {
    llorch::report_pre_tokenizers();
    for (int i = 1; i < argc; ++i) {
      llorch::report_tokenizer(argv[i]);
    }
  });
}
