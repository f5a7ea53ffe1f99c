// How long a text can become on its way through a tokenizer.json's components.
#include <algorithm>

#include "tokenizer/hf_parts.h"

namespace llorch {
namespace {

/// How many times as long the shortest piece can become.
double growth(const FormStep& step) {
  // U+1D160 and its like; U+FDFA, a whole sentence in three bytes.
  return step.form == NormalForm::nfc || step.form == NormalForm::nfd ? 3 : 11;
}
double growth(const LowercaseStep&) {
  return 1.5;
}  // U+0130
double growth(const BertStep& step) {
  return (step.handle_chinese_chars ? 2 : 1) * (step.strip_accents ? 3 : 1) * (step.lowercase ? 1.5 : 1);
}
double growth(const CharsmapStep& step) {
  return step.map->growth();
}
double growth(const ByteCharactersStep&) {
  return 2;
}
template <class Step>
double growth(const Step&) {
  return 1;
}  // steps that only remove
double growth(const PrependStep& step) {
  return 1 + static_cast<double>(step.text.size());
}
double growth(const ReplaceStep& step) {
  if (step.regex) {  // from one byte, or between any two where it matches nothing
    return step.may_match_nothing ? 1 + static_cast<double>(step.to.size())
                                  : std::max(1.0, static_cast<double>(step.to.size()));
  }
  return std::max(1.0, static_cast<double>(step.to.size()) / static_cast<double>(step.from.size()));
}
double growth(const SplitStep&) {
  return 1;
}
double growth(const ByteLevelStep& step) {
  return step.add_prefix_space ? 4 : 2;
}
double growth(const MetaspaceStep& step) {
  return 2 * static_cast<double>(step.replacement.size());
}

template <class Steps>
double total_growth(const Steps& steps) {
  double total = 1;
  for (const auto& step : steps) {
    total *= std::visit([](const auto& known) { return growth(known); }, step);
  }
  return total;
}

}  // namespace

Status check_growth(const JsonNode& root, const PipelineSpec& spec) {
  const double in = total_growth(spec.normalizer) * total_growth(spec.pre_tokenizer);
  double out = 1;
  for (const DecodeStep& step : spec.decoder.steps) {
    const auto* replace = std::get_if<ReplaceStep>(&step);
    out *= replace != nullptr ? growth(*replace) : 1;
  }
  if (std::max(in, out) > kMaxGrowth) {
    return root.error("normalizer, pre_tokenizer and decoder can make a text {:.0f} times as long, the limit is {:.0f}",
                      std::max(in, out), kMaxGrowth);
  }
  return {};
}

}  // namespace llorch
