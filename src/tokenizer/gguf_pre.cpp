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
constexpr std::string_view kBloom = " ?[^(\\s|.,!?…。，、।۔،)]+";
constexpr std::string_view kDeepseekLetters =
    "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-"
    "ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-"
    "ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-"
    "𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";
constexpr std::string_view kDeepseekMarks = "\\s?[!-/:-~！-／：-～‘-‟　-。]+";
constexpr std::string_view kDeepseekCjk = "[一-龥ࠀ-一가-퟿]+";
constexpr std::string_view kDeepseek3Cjk = "[一-龥぀-ゟ゠-ヿ]+";
constexpr std::string_view kDeepseek3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kSpark =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kYoutuCjk =
    "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+";
constexpr std::string_view kAfmoeCjk =
    "[一-鿿㐀-䶿豈-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+";
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
  LL_ASSIGN(Regex compiled, Regex::compile(regex));
  return SplitStep{std::move(compiled), SplitBehavior::isolated, false};
}

}  // namespace

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
