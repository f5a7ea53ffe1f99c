// How long a text can become on its way through a tokenizer.json's components.
//
// Normal forms and lower case make a character longer once, however often and in whatever order they come. So a text is
// weighed by the longest that its characters can become through those that the normalizer has: no form makes a text
// heavier, other steps by what they put in, and no text is longer than it is heavy.
#include <algorithm>

#include "base/text_forms.h"
#include "base/utf8.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/hf_parts.h"

namespace llorch {
namespace {

/// Which forms a normalizer has.
struct Forms {
  bool compatible = false;
  bool canonical = false;
  bool lower = false;

  void operator()(const FormStep& step) {
    compatible = compatible || step.form == NormalForm::nfkc || step.form == NormalForm::nfkd;
    canonical = true;
  }
  void operator()(const LowercaseStep&) { lower = true; }
  void operator()(const BertStep& step) {
    canonical = canonical || step.strip_accents;
    lower = lower || step.lowercase;
  }
  template <class Step>
  void operator()(const Step&) {}
};

/// How much heavier than long a character can be: U+FDFA, a whole sentence in three bytes; U+1D160; U+023A.
double heaviest(const Forms& forms) {
  return forms.compatible ? 11 : forms.canonical ? 3 : forms.lower ? 1.5 : 1;
}

std::size_t character_weight(std::string_view character, const Forms& forms) {
  if (character.size() == 1) {
    return 1;
  }
  std::string form(character);
  std::size_t most = form.size();
  for (int i = 0; i < 2; ++i) {  // the lower case of a part may have a form of its own
    form = forms.compatible ? to_nfkd(form) : forms.canonical ? to_nfd(form) : form;
    most = std::max(most, form.size());
    form = forms.lower ? to_lower(form) : form;
    most = std::max(most, form.size());
  }
  return most;
}

double weight(std::string_view text, const Forms& forms) {
  std::size_t sum = 0;
  while (!text.empty()) {
    const auto length = static_cast<std::size_t>(decode_utf8(text).length);
    sum += character_weight(text.substr(0, length), forms);
    text.remove_prefix(length);
  }
  return static_cast<double>(sum);
}

/// The weight of what stands before each byte, and of all.
std::vector<double> weight_sums(std::string_view text, const Forms& forms) {
  std::vector<double> sums(text.size() + 1);
  for (std::size_t at = 0; at < text.size();) {
    const auto length = static_cast<std::size_t>(decode_utf8(text.substr(at)).length);
    const double sum = sums[at] + static_cast<double>(character_weight(text.substr(at, length), forms));
    std::fill_n(sums.begin() + static_cast<std::ptrdiff_t>(at) + 1, length, sum);
    at += length;
  }
  return sums;
}

constexpr std::size_t kLongestKey = 5;  // in bytes, of a charsmap: Charsmap::rewrite() finds no longer ones

/// How many times as heavy a step can make the lightest text.
struct Growth {
  Forms forms;

  double operator()(const BertStep& step) const { return step.handle_chinese_chars ? 5.0 / 3 : 1; }
  double operator()(const CharsmapStep& step) const {
    const std::string_view all = step.map->replacements();
    const std::vector<double> sums = weight_sums(all, forms);  // rules may share a replacement, or parts of it
    double most = 1;
    step.map->for_each_rule([&](std::string_view key, std::string_view replacement) {
      const auto begin = static_cast<std::size_t>(replacement.data() - all.data());
      const double put = sums[begin + replacement.size()] - sums[begin];
      if (key.size() <= kLongestKey && put > most) {
        most = std::max(most, put / std::max(1.0, weight(key, forms)));
      }
    });
    return most;
  }
  double operator()(const ByteCharactersStep&) const {
    double most = 1;
    for (int b = 0; b < 256; ++b) {
      const char byte = static_cast<char>(b);
      std::string visible;
      append_byte_level({&byte, 1}, visible);
      most = std::max(most, weight(visible, forms));
    }
    return most;
  }
  double operator()(const PrependStep& step) const { return 1 + weight(step.text, forms); }
  double operator()(const ReplaceStep& step) const {
    const double put = weight(step.to, forms);
    if (step.regex) {  // for one byte, or between any two where it matches nothing
      return step.regex->may_match_nothing() ? 1 + put : std::max(1.0, put);
    }
    return std::max(1.0, put / weight(step.from, forms));
  }
  double operator()(const ByteLevelStep& step) const { return step.add_prefix_space ? 4 : 2; }
  double operator()(const MetaspaceStep& step) const { return 2 * static_cast<double>(step.replacement.size()); }
  template <class Step>
  double operator()(const Step&) const {
    return 1;
  }
};

template <class Steps>
double total_growth(const Steps& steps, const Forms& forms) {
  double total = 1;
  for (const auto& step : steps) {
    total *= std::visit(Growth{forms}, step);
  }
  return total;
}

}  // namespace

Status check_growth(const JsonNode& root, const PipelineSpec& spec) {
  Forms forms;
  for (const NormalizeStep& step : spec.normalizer) {
    std::visit(forms, step);
  }
  const double in = heaviest(forms) * total_growth(spec.normalizer, forms) * total_growth(spec.pre_tokenizer, Forms());
  const double out = total_growth(spec.decoder.steps, Forms());
  if (std::max(in, out) > kMaxGrowth) {
    return root.error("normalizer, pre_tokenizer and decoder can make a text {:.0f} times as long, the limit is {:.0f}",
                      std::max(in, out), kMaxGrowth);
  }
  return {};
}

}  // namespace llorch
