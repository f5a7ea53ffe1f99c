// The names are those of llama.cpp (August 2026). The patterns are those of the models' own tokenizer.json where they
// are known: llama.cpp's are rewritten for an engine that knows less.
#include "tokenizer/gguf_pre.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/format.h"

namespace llorch {
namespace {

using Names = const std::string_view[];

constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kUfakzeka =
    R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kMiniCpm5 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kSeedCoder =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kBailing =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kExaoneMoe =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kJais2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1})";
constexpr std::string_view kO200k =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kYoutu =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kKimiK2 =
    R"([\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kBloom = " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+";
constexpr std::string_view kDeepseekLetters =  // letters that have a case
    "\\s?[A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}\\x{1c4}-\\x{293}"
    "\\x{295}-\\x{2af}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}\\x{37f}\\x{386}\\x{388}-\\x{38a}"
    "\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}\\x{3f7}-\\x{481}\\x{48a}-\\x{52f}\\x{531}-\\x{556}"
    "\\x{10a0}-\\x{10c5}\\x{13a0}-\\x{13f5}\\x{13f8}-\\x{13fd}\\x{1c90}-\\x{1cba}\\x{1cbd}-\\x{1cbf}"
    "\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}\\x{1d79}-\\x{1d9a}\\x{1e00}-\\x{1f15}\\x{1f18}-\\x{1f1d}"
    "\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{1f57}\\x{1f59}\\x{1f5b}\\x{1f5d}\\x{1f5f}-"
    "\\x{1f7d}\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}"
    "\\x{1fd0}-\\x{1fd3}\\x{1fd6}-\\x{1fdb}\\x{1fe0}-\\x{1fec}\\x{1ff2}-\\x{1ff4}\\x{1ff6}-\\x{1ffc}"
    "\\x{2102}\\x{2107}\\x{210a}-\\x{2113}\\x{2115}\\x{2119}-\\x{211d}\\x{2124}\\x{2126}\\x{2128}"
    "\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}\\x{2139}\\x{213c}-\\x{213f}\\x{2145}-\\x{2149}\\x{214e}"
    "\\x{2183}\\x{2184}\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}\\x{2ceb}-\\x{2cee}\\x{2cf2}\\x{2cf3}"
    "\\x{a640}-\\x{a66d}\\x{a680}-\\x{a69b}\\x{a722}-\\x{a76f}\\x{a771}-\\x{a787}\\x{a78b}-\\x{a78e}"
    "\\x{ab70}-\\x{abbf}\\x{fb00}-\\x{fb06}\\x{fb13}-\\x{fb17}\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}"
    "\\x{10400}-\\x{1044f}\\x{104b0}-\\x{104d3}\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}\\x{10cc0}-"
    "\\x{10cf2}\\x{118a0}-\\x{118df}\\x{1e900}-\\x{1e943}]+";
// The published pattern has U+3000 too. For llama.cpp that is white space alone, and our vectors are from there.
constexpr std::string_view kDeepseekMarks =
    "\\s?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3001}-\\x{3002}]+";
constexpr std::string_view kDeepseekCjk = "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+";
constexpr std::string_view kDeepseek3Cjk = "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}]+";
constexpr std::string_view kDeepseek3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kSpark =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kYoutuCjk =
    "[\\x{ac00}-\\x{d7a3}\\x{3131}-\\x{318e}]+|[\\x{ff01}\\x{2026}\\x{201c}\\x{201d}\\x{2018}\\x{2019}"
    "\\x{2014}\\x{ff1a}\\x{ff1b}\\x{ff0c}\\x{3001}-\\x{303f}\\x{fe30}-\\x{fe4f}]+|[\\x{3105}-\\x{312f}]+|"
    "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}]+";
constexpr std::string_view kAfmoeCjk =
    "[\\x{4e00}-\\x{9fff}\\x{3400}-\\x{4dbf}\\x{f900}-\\x{faff}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}"
    "\\x{ff65}-\\x{ff9f}\\x{2f00}-\\x{2fdf}\\x{e40}-\\x{e7f}\\x{e80}-\\x{eff}\\x{1780}-\\x{17ff}\\x{1000}"
    "-\\x{109f}\\x{aa60}-\\x{aa7f}\\x{a9e0}-\\x{a9ff}\\x{ac00}-\\x{d7af}\\x{1100}-\\x{11ff}]+";
constexpr std::string_view kLines = R"([^\n]+|[\n]+)";
constexpr std::string_view kDigit = R"(\p{N})";
constexpr std::string_view kThreeDigits = R"(\p{N}{1,3})";

// clang-format off
constexpr Names kDefaultNames = {"default"};
constexpr Names kGpt2Names = {"gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum",
    "jina-v1-en", "jina-v2-code", "roberta-bpe", "exaone4", "jais", "trillion", "granite-docling"};
constexpr Names kGpt2NfcNames = {"mpt", "olmo", "modern-bert"};
constexpr Names kDigitNames = {"starcoder", "refact", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2"};
constexpr Names kDigitNfcNames = {"command-r"};
constexpr Names kLlama3Names = {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"};
constexpr Names kCl100kNames = {"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"};
constexpr Names kQwen2Names = {"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2"};
constexpr Names kOneDigitNames = {"stablelm2", "megrez", "hunyuan", "solar-open", "grok-2"};
constexpr Names kQwen35Names = {"qwen35"};
constexpr Names kUfakzekaNames = {"ufakzeka"};
constexpr Names kMiniCpm5Names = {"minicpm5"};
constexpr Names kSeedCoderNames = {"seed-coder"};
constexpr Names kBailingNames = {"bailingmoe", "bailingmoe2", "llada-moe"};
constexpr Names kExaoneMoeNames = {"exaone-moe"};
constexpr Names kJais2Names = {"jais-2"};
constexpr Names kO200kNames = {"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"};
constexpr Names kGraniteNames = {"granite-embed-multi-97m"};
constexpr Names kAyaNames = {"tiny_aya", "cohere2moe"};
constexpr Names kYoutuNames = {"youtu"};
constexpr Names kTekkenNames = {"tekken"};
constexpr Names kKimiNames = {"kimi-k2"};
constexpr Names kBloomNames = {"bloom", "poro-chat", "gpt3-finnish"};
constexpr Names kVikingNames = {"viking"};
constexpr Names kDeepseekLlmNames = {"deepseek-llm"};
constexpr Names kDeepseekCoderNames = {"deepseek-coder"};
constexpr Names kDeepseek3Names = {"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"};
constexpr Names kSparkNames = {"spark2_5"};
constexpr Names kFalconNames = {"falcon"};
constexpr Names kChameleonNames = {"chameleon"};
constexpr Names kSuperNames = {"superbpe"};
constexpr Names kAfmoeNames = {"afmoe"};
constexpr Names kLagunaNames = {"laguna"};
constexpr Names kGemma4Names = {"gemma4", "granite-embed-multi-311m"};
constexpr Names kSarvamNames = {"sarvam-moe"};
// clang-format on

const std::vector<PreRule>& rules() {
  static const std::vector<PreRule> kRules = {
      {kDefaultNames, {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
      {kGpt2Names, {kGpt2}},
      {.names = kGpt2NfcNames, .regexes = {kGpt2}, .nfc = true},
      {kDigitNames, {kDigit, kGpt2}},
      {.names = kDigitNfcNames, .regexes = {kDigit, kGpt2}, .nfc = true},
      {.names = kLlama3Names, .regexes = {kLlama3}, .ignore_merges = true, .add_bos = true},
      {kCl100kNames, {kLlama3}},
      {.names = kQwen2Names, .regexes = {kQwen2}, .nfc = true},
      {kOneDigitNames, {kQwen2}},
      {.names = kQwen35Names, .regexes = {kQwen35}, .nfc = true},
      {kUfakzekaNames, {kUfakzeka}},
      {.names = kMiniCpm5Names, .regexes = {kThreeDigits, kMiniCpm5}, .ignore_merges = true},
      {kSeedCoderNames, {kSeedCoder}},
      {kBailingNames, {kBailing}},
      {kExaoneMoeNames, {kExaoneMoe}},
      {kJais2Names, {kJais2}},
      {kO200kNames, {kO200k}},
      {.names = kGraniteNames, .regexes = {kO200k}, .ignore_merges = true},
      {.names = kAyaNames, .regexes = {R"(\d{1,3}(?=(?:\d{3})*\b))", kO200k}, .nfc = true},
      {.names = kYoutuNames, .regexes = {kYoutuCjk, kYoutu}, .ignore_merges = true},
      {.names = kTekkenNames, .regexes = {kTekken}, .ignore_merges = true, .add_bos = true},
      {kKimiNames, {kKimiK2}},
      {kBloomNames, {kBloom}},
      {kVikingNames, {kBloom, kDigit}},
      {kDeepseekLlmNames, {R"([\r\n])", kDeepseekLetters, kDeepseekMarks, R"(\s+$)", kDeepseekCjk, kDigit}},
      {kDeepseekCoderNames, {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kDeepseekCjk, kDigit}},
      {kDeepseek3Names, {kThreeDigits, kDeepseek3Cjk, kDeepseek3}},
      {kSparkNames, {kThreeDigits, kDeepseek3Cjk, kSpark, kDigit}},
      {.names = kFalconNames, .regexes = {}, .shape = PreShape::falcon},
      {.names = kChameleonNames,
       .regexes = {"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", R"(([\t\n]|    |  ))", kDigit,
                   R"([\p{P}!-/:-@\[-`{-~])", kGpt2},
       .add_bos = true},
      {kSuperNames, {R"(\p{N}+)", R"((?=(\d{3})+(?!\d)))"}},
      {kAfmoeNames, {R"(\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N})))", kAfmoeCjk, kDeepseek3}},
      {kLagunaNames, {kLines, kQwen2}},
      {.names = kGemma4Names, .regexes = {kLines}, .shape = PreShape::spaces, .add_bos = true},
      {.names = kSarvamNames, .regexes = {kLines}, .shape = PreShape::spaces},
  };
  return kRules;
}

Result<SplitStep> make_split(std::string_view regex) {
  if (const auto known = pattern_of(regex)) {
    return SplitStep{*known, SplitBehavior::isolated, false};
  }
  LL_ASSIGN(Regex compiled, Regex::compile(regex));  // the patterns are ours: a test compiles them all
  return SplitStep{std::move(compiled), SplitBehavior::isolated, false};
}

}  // namespace

std::span<const PreRule> pre_rules() {
  return rules();
}

const PreRule* find_pre_rule(std::string_view name) {
  for (const PreRule& rule : rules()) {
    if (std::find(rule.names.begin(), rule.names.end(), name) != rule.names.end()) {
      return &rule;
    }
  }
  return nullptr;
}

std::vector<std::string_view> known_pre_names() {
  std::vector<std::string_view> names;
  for (const PreRule& rule : rules()) {
    names.insert(names.end(), rule.names.begin(), rule.names.end());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool takes_raw_bytes(const PreRule& rule) {
  return rule.shape == PreShape::byte_level;
}

Result<std::vector<PreTokenizeStep>> make_pre_steps(const PreRule& rule) {
  std::vector<PreTokenizeStep> steps;
  if (rule.shape == PreShape::falcon) {
    steps.emplace_back(SplitStep{Pattern::punctuation, SplitBehavior::contiguous, false});
    steps.emplace_back(ByteLevelStep{false, true, false});
    steps.emplace_back(SplitStep{Pattern::numbers, SplitBehavior::isolated, false});
    LL_ASSIGN(SplitStep digits, make_split("[0-9][0-9][0-9]"));
    steps.emplace_back(std::move(digits));
    return steps;
  }
  for (const std::string_view regex : rule.regexes) {
    LL_ASSIGN(SplitStep step, make_split(regex));
    steps.emplace_back(std::move(step));
  }
  if (rule.shape == PreShape::byte_level) {
    steps.emplace_back(ByteLevelStep{false, false, true});
  }
  return steps;
}

}  // namespace llorch
