// GGUF vocabulary -> Pipeline. Defaults (BOS, space prefix, what a pre-tokenizer's name stands for) are llama.cpp's.
#include <fmt/ranges.h>
#include <algorithm>

#include "base/format.h"
#include "checkpoint/printable.h"
#include "tokenizer/bpe.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/end_tokens.h"
#include "tokenizer/gguf_pre.h"
#include "tokenizer/gguf_vocab.h"
#include "tokenizer/loaders.h"
#include "tokenizer/merge_reader.h"
#include "tokenizer/spm.h"

namespace llorch {
namespace {

/// The rule of tokenizer.ggml.pre; that of llama.cpp's "default", with a warning, for a file that has none.
Result<const PreRule*> pre_rule_of(const Metadata& metadata, const GgufVocab& gguf,
                                   std::vector<std::string>& warnings) {
  const std::string name = gguf.model == "gemma4" ? "gemma4" : gguf.pre.empty() ? "default" : gguf.pre;
  const PreRule* rule = find_pre_rule(name);
  if (rule == nullptr) {
    return errorf(ErrorCode::model_file,
                  "{}: tokenizer.ggml.pre is '{}', a pre-tokenizer that is not known; known are {}", metadata.source(),
                  printable(name), fmt::join(known_pre_names(), ", "));
  }
  if (name == "default") {
    warnings.push_back(
        fmt::format("{}: tokenizer.ggml.pre is {}: text is split by llama.cpp's default patterns, ids may differ from "
                    "those the model was trained on",
                    metadata.source(), gguf.pre.empty() ? "absent" : "'default'"));
  }
  return rule;
}

bool is_added(GgufTokenType type) {
  return type == GgufTokenType::control || type == GgufTokenType::user_defined || type == GgufTokenType::unknown;
}

/// The vocabulary. Texts in `hidden` types cannot be reached by merging; a repeated text stays with its first id.
template <class Hidden>
std::shared_ptr<const Vocab> make_vocab(const GgufVocab& gguf, const Hidden& hidden) {
  std::size_t bytes = 0;
  for (const std::string_view token : gguf.tokens) {
    bytes += token.size();
  }
  auto vocab = std::make_shared<Vocab>(gguf.tokens.size(), bytes);
  for (std::size_t i = 0; i < gguf.tokens.size(); ++i) {
    const auto id = static_cast<std::int32_t>(i);
    if (hidden(gguf.types[i]) || !vocab->add(id, gguf.tokens[i])) {
      vocab->add(id, gguf.tokens[i], false);
    }
  }
  return vocab;
}

/// The special tokens of phi-3 take the white space after them along. A GGUF cannot say so: llama.cpp goes by the
/// model's name.
bool strips_right(const Metadata& metadata, std::string_view token) {
  const auto found = metadata.string_or("general.name", "");
  std::string name = found.ok() ? *found : std::string();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const bool is_phi3 = name.find("phi-3") != std::string::npos || name.find("phi3") != std::string::npos;
  return is_phi3 && token != "<unk>" && token != "<s>" && token != "<|endoftext|>";
}

std::vector<AddedToken> added_tokens(const Metadata& metadata, const GgufVocab& gguf, bool byte_level) {
  std::vector<AddedToken> added;
  for (std::size_t i = 0; i < gguf.tokens.size(); ++i) {
    if (is_added(gguf.types[i]) && !gguf.tokens[i].empty()) {
      AddedToken token;
      token.id = static_cast<std::int32_t>(i);
      token.content = gguf.tokens[i];
      token.special = gguf.types[i] != GgufTokenType::user_defined;
      token.rstrip = strips_right(metadata, token.content);
      if (byte_level) {
        append_byte_level(token.content, token.spelled);
      }
      added.push_back(std::move(token));
    }
  }
  return added;
}

Result<MergeTable> read_merges(const Metadata& metadata, const GgufVocab& gguf, const Vocab& vocab) {
  MergeReader reader(vocab, gguf.merges.size());
  const auto missing = [&] {
    const MergeReader::Missing& m = reader.missing();
    return errorf(ErrorCode::model_file, "{}: tokenizer.ggml.merges[{}] is '{} {}', but '{}' is not in the vocabulary",
                  metadata.source(), m.index, printable(m.left), printable(m.right), printable(m.text));
  };
  for (std::size_t i = 0; i < gguf.merges.size(); ++i) {
    const std::string_view merge = gguf.merges[i];
    const std::size_t space = merge.find(' ', 1);
    if (merge.empty() || space == std::string_view::npos) {
      return errorf(ErrorCode::model_file, "{}: tokenizer.ggml.merges[{}] is '{}', not two tokens with a space between",
                    metadata.source(), i, printable(merge));
    }
    if (!reader.add(merge.substr(0, space), merge.substr(space + 1))) {
      return missing();
    }
  }
  return reader.done() ? Result<MergeTable>(reader.take()) : missing();
}

/// Text whose spaces are written '▁': how the model sees it and how it is shown.
void write_spaces(bool prefix, PipelineSpec& spec) {
  const std::string space = "\xE2\x96\x81";
  if (prefix) {
    spec.normalizer.emplace_back(PrependStep{space});
  }
  spec.normalizer.emplace_back(ReplaceStep{" ", space});
  spec.decoder.steps = {ReplaceStep{space, " "}, ByteFallbackDecode{}, FuseDecode{}};
  if (prefix) {
    spec.decoder.steps.emplace_back(StripDecode{" ", 1, 0});
  }
}

void check_bytes(const Metadata& metadata, const PreRule& rule, PipelineSpec& spec) {
  const std::optional<int> missing =
      rule.shape == PreShape::spaces ? std::nullopt : missing_byte_character(*spec.vocab);
  if (missing) {
    spec.warnings.push_back(
        fmt::format("{}: tokenizer.ggml.tokens has no token for byte 0x{:02X}, which is left out of "
                    "texts",
                    metadata.source(), *missing));
  }
}

Status fill_bpe(const Metadata& metadata, const GgufVocab& gguf, PipelineSpec& spec) {
  spec.kind = "gguf-bpe";
  LL_ASSIGN(const PreRule* rule, pre_rule_of(metadata, gguf, spec.warnings));
  spec.vocab = make_vocab(gguf, [](GgufTokenType) { return false; });
  check_bytes(metadata, *rule, spec);
  LL_ASSIGN(MergeTable merges, read_merges(metadata, gguf, *spec.vocab));
  if (rule->nfc) {
    spec.normalizer.emplace_back(FormStep{NormalForm::nfc});
  }
  LL_ASSIGN(spec.pre_tokenizer, make_pre_steps(*rule));
  BpeOptions options;
  options.ignore_merges = rule->ignore_merges;
  options.raw_bytes = takes_raw_bytes(*rule);
  if (rule->shape == PreShape::spaces) {
    write_spaces(gguf.add_space_prefix.value_or(false), spec);
    options.byte_fallback = true;
    options.unk_id = gguf.unk_id;
  } else {
    spec.decoder.steps = {ByteLevelDecode{}};
  }
  spec.model = std::make_unique<BpeModel>(spec.vocab, std::move(merges), options);
  if (gguf.add_bos.value_or(rule->add_bos) && gguf.bos_id) {
    spec.before = {*gguf.bos_id};
  }
  return {};
}

Status fill_spm(const Metadata& metadata, const GgufVocab& gguf, PipelineSpec& spec) {
  spec.kind = "gguf-spm";
  const auto all = make_vocab(gguf, [](GgufTokenType) { return false; });
  const auto byte_ids = byte_token_ids(*all);
  const auto missing = std::find(byte_ids.begin(), byte_ids.end(), -1);
  if (missing != byte_ids.end()) {
    return errorf(ErrorCode::model_file, "{}: tokenizer.ggml.tokens has no byte token '<0x{:02X}>'", metadata.source(),
                  missing - byte_ids.begin());
  }
  spec.vocab = make_vocab(gguf, [](GgufTokenType type) {
    return type == GgufTokenType::control || type == GgufTokenType::unknown || type == GgufTokenType::byte;
  });
  spec.model = std::make_unique<SpmModel>(spec.vocab, gguf.scores, byte_ids);
  write_spaces(gguf.add_space_prefix.value_or(true), spec);
  if (gguf.add_bos.value_or(true) && gguf.bos_id) {
    spec.before = {*gguf.bos_id};
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Pipeline>> load_gguf_tokenizer(const Metadata& metadata) {
  LL_ASSIGN(const GgufVocab gguf, read_gguf_vocab(metadata));
  PipelineSpec spec;
  LL_TRY(gguf.model == "llama"  ? fill_spm(metadata, gguf, spec)
         : gguf.model == "t5"   ? fill_unigram(metadata, gguf, spec)
         : gguf.model == "bert" ? fill_wordpiece(metadata, gguf, spec)
                                : fill_bpe(metadata, gguf, spec));
  const bool byte_level = !spec.decoder.steps.empty() && std::holds_alternative<ByteLevelDecode>(spec.decoder.steps[0]);
  spec.added = added_tokens(metadata, gguf, byte_level);
  spec.bos_id = gguf.bos_id;
  if (gguf.add_eos.value_or(gguf.model == "t5") && gguf.eos_id) {
    spec.after = {*gguf.eos_id};
  }
  spec.end_ids = known_end_ids(spec.added);
  for (const auto& id : {gguf.eos_id, gguf.eot_id, gguf.eom_id}) {
    if (id) {
      spec.end_ids.push_back(*id);
    }
  }
  return std::make_unique<Pipeline>(std::move(spec));
}

}  // namespace llorch
