// Two kinds of tokenizer.json have a GGUF form: byte-level BPE ("gpt2"), whose pre-tokenizer gets a name, and BPE over
// characters with '▁' for spaces ("llama"), whose merges become scores.
#include "convert/hf_vocab.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/format.h"
#include "base/mmap.h"
#include "convert/spm_scores.h"
#include "tokenizer/gguf_pre.h"
#include "tokenizer/gguf_pre_of.h"
#include "tokenizer/gguf_vocab.h"
#include "tokenizer/hf_bpe.h"
#include "tokenizer/hf_parts.h"
#include "tokenizer/tokenizer.h"

namespace llorch {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // ▁

Status unsupported(const JsonNode& node, std::string_view what) {
  Error error = node.error("{}: a GGUF cannot say that", what);
  error.code = ErrorCode::unsupported;
  return error;
}

/// Calls read(node) for each member of a Sequence, or for the node itself.
template <class Read>
Status for_each_step(const JsonNode& node, std::string_view list, const Read& read) {
  if (node.is_null()) {
    return {};
  }
  LL_ASSIGN(const std::string_view type, node.get("type").string());
  return type == "Sequence"
             ? for_each_child(node, list, [&](const JsonNode& child) { return for_each_step(child, list, read); })
             : read(node, type);
}

class VocabWriter {
 public:
  VocabWriter(const Checkpoint& source, const VocabOptions& options, GgufHeader& header,
              std::vector<std::string>& notes)
      : source_(source), options_(options), header_(header), notes_(notes) {}

  Status write(const JsonNode& root) {
    LL_ASSIGN(tokenizer_, make_tokenizer(source_));
    LL_TRY(check_model(root.get("model")));
    LL_TRY(for_each_step(root.get("pre_tokenizer"), "pretokenizers", [&](const JsonNode&, std::string_view type) {
      byte_level_ = byte_level_ || type == "ByteLevel";
      return Status();
    }));
    LL_TRY(collect_tokens(root));
    LL_TRY(byte_level_ ? write_byte_level(root) : write_spm(root));
    write_special_ids();
    write_templates();
    return compare();
  }

 private:
  static Status check_model(const JsonNode& model);
  void set(std::int64_t id, std::string_view text, GgufTokenType type) {
    tokens_[static_cast<std::size_t>(id)] = text;
    types_[static_cast<std::size_t>(id)] = static_cast<std::int32_t>(type);
  }
  Status collect_tokens(const JsonNode& root);
  Status collect_added(const JsonNode& root, std::string_view unknown);
  Status write_byte_level(const JsonNode& root);
  Status write_spm(const JsonNode& root);
  Status read_space_step(const JsonNode& node, std::string_view type);
  Status read_word_step(const JsonNode& node, std::string_view type);
  void write_tokens(std::string_view model);
  void write_id(std::string_view name, std::optional<std::int32_t> id);
  std::optional<std::int32_t> special_id(std::string_view name) const;
  void write_special_ids();
  void write_templates();
  Status compare();
  Status write_further_ends(const Tokenizer& written);

  const Checkpoint& source_;
  const VocabOptions& options_;
  GgufHeader& header_;
  std::vector<std::string>& notes_;
  std::unique_ptr<Tokenizer> tokenizer_;  // of the directory
  std::vector<std::string> tokens_;
  std::vector<std::int32_t> types_;
  bool byte_level_ = false;
  bool prefix_ = false;  // a space is put in front of texts
};

Status VocabWriter::check_model(const JsonNode& model) {
  LL_ASSIGN(const std::string type, model.string_or("type", model.get("merges").is_null() ? "" : "BPE"));
  if (type != "BPE") {
    return unsupported(model, fmt::format("a model of type '{}'", type));
  }
  for (const char* part : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    LL_ASSIGN(const std::string text, model.string_or(part, ""));
    if (!text.empty()) {
      return unsupported(model, fmt::format("{} '{}'", part, text));
    }
  }
  return {};
}

Status VocabWriter::collect_tokens(const JsonNode& root) {
  const auto n_tokens = static_cast<std::int64_t>(tokenizer_->vocab_size());
  if (options_.n_rows > 0 && n_tokens > options_.n_rows) {
    return errorf(ErrorCode::model_file, "{}: {} tokens, but the embedding has {} rows", root.file(), n_tokens,
                  options_.n_rows);
  }
  LL_ASSIGN(const auto vocab, read_hf_vocab(root.get("model").get("vocab")));
  LL_ASSIGN(const std::string unknown, root.get("model").string_or("unk_token", ""));
  const std::int64_t n = std::max(n_tokens, options_.n_rows);
  tokens_.resize(static_cast<std::size_t>(n));
  types_.resize(static_cast<std::size_t>(n));
  for (std::int32_t id = 0; id < n; ++id) {
    const std::string_view text = vocab->text(id);
    if (!vocab->has(id)) {
      set(id, fmt::format("[PAD{}]", id), GgufTokenType::unused);
    } else {
      const bool is_byte = !byte_level_ && text.size() == 6 && text.starts_with("<0x") && text.ends_with('>');
      set(id, text, is_byte ? GgufTokenType::byte : GgufTokenType::normal);
    }
  }
  return collect_added(root, unknown);
}

Status VocabWriter::collect_added(const JsonNode& root, std::string_view unknown) {
  const JsonNode list = root.get("added_tokens");
  LL_ASSIGN(const auto added, list.is_null() ? Result<std::vector<JsonNode>>(std::vector<JsonNode>()) : list.items());
  bool any_normalized = false;
  for (const JsonNode& node : added) {
    LL_ASSIGN(const std::string_view text, node.get("content").string());
    LL_ASSIGN(const bool special, node.boolean_or("special", false));
    LL_ASSIGN(const bool normalized, node.boolean_or("normalized", !special));
    any_normalized = any_normalized || normalized;
    if (const auto id = tokenizer_->find(text); id && !text.empty()) {
      const bool is_unknown = !byte_level_ && text == unknown;
      set(*id, text,
          is_unknown ? GgufTokenType::unknown
          : special  ? GgufTokenType::control
                     : GgufTokenType::user_defined);
    }
  }
  if (any_normalized && !root.get("normalizer").is_null()) {
    notes_.push_back(list.error("some are looked for in normalised text, a GGUF's in the text as it is").message);
  }
  return {};
}

void VocabWriter::write_tokens(std::string_view model) {
  header_.text("tokenizer.ggml.model", model);
  const std::vector<std::string_view> views(tokens_.begin(), tokens_.end());
  header_.texts("tokenizer.ggml.tokens", views);
  header_.i32s("tokenizer.ggml.token_type", types_);
}

Status VocabWriter::write_byte_level(const JsonNode& root) {
  if (!options_.pre.empty() && find_pre_rule(options_.pre) == nullptr) {
    return errorf(ErrorCode::invalid_argument, "--pre: '{}' is not known; known are {}", options_.pre,
                  fmt::join(known_pre_names(), ", "));
  }
  std::string_view pre = options_.pre;
  if (pre.empty()) {
    LL_ASSIGN(pre, pre_name_of(root));
  }
  write_tokens("gpt2");
  header_.text("tokenizer.ggml.pre", pre);
  LL_ASSIGN(const simdjson::dom::array merges, root.get("model").get("merges").array());
  std::vector<std::string> texts;
  for (const simdjson::dom::element merge : merges) {
    std::string_view left;
    std::string_view right;
    if (!is_version_line(merge) && split_merge(merge, left, right)) {
      texts.push_back(fmt::format("{} {}", left, right));
    }
  }
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  header_.texts("tokenizer.ggml.merges", views);
  return {};
}

/// A step of the normalizer: '▁' in front of texts, or for spaces; nothing else has a GGUF form.
Status VocabWriter::read_space_step(const JsonNode& node, std::string_view type) {
  if (type == "Prepend") {
    LL_ASSIGN(const std::string_view text, node.get("prepend").string());
    prefix_ = true;
    return text == kSpace ? Status() : unsupported(node, fmt::format("'{}' in front of texts", text));
  }
  if (type != "Replace") {
    return unsupported(node, fmt::format("'{}'", type));
  }
  LL_ASSIGN(const ReplaceStep step, read_replace(node));
  const bool is_space = step.from == " " && step.to == kSpace;
  return is_space ? Status() : unsupported(node, fmt::format("'{}' for text", step.to));
}

/// A step of the pre_tokenizer: one that cuts nothing, as no spaces are left, or Metaspace.
Status VocabWriter::read_word_step(const JsonNode& node, std::string_view type) {
  const JsonNode literal = node.get("pattern").get("String");
  if (type == "Split" && literal.is_string()) {
    LL_ASSIGN(const std::string_view text, literal.string());
    return text == " " ? Status() : unsupported(node, fmt::format("a cut at '{}'", text));
  }
  if (type != "Metaspace") {
    return unsupported(node, fmt::format("'{}'", type));
  }
  LL_ASSIGN(const MetaspaceStep step, read_metaspace(node));
  prefix_ = prefix_ || step.prepend != PrependScheme::never;
  if (step.prepend == PrependScheme::first) {
    notes_.push_back(node.error("'first': a GGUF puts a space in front of what follows a special token too").message);
  }
  const bool whole = !step.split && step.replacement == kSpace;
  return whole ? Status() : unsupported(node, "Metaspace that cuts words apart");
}

Status VocabWriter::write_spm(const JsonNode& root) {
  const JsonNode model = root.get("model");
  LL_ASSIGN(const bool byte_fallback, model.boolean_or("byte_fallback", false));
  if (!byte_fallback) {
    return unsupported(model, "BPE over characters without byte_fallback");
  }
  if (!options_.pre.empty()) {
    return Error{ErrorCode::invalid_argument,
                 "--pre: has no effect on a tokenizer whose words are not cut by a pattern"};
  }
  using Step = std::string_view;
  LL_TRY(for_each_step(root.get("normalizer"), "normalizers",
                       [&](const JsonNode& node, Step type) { return read_space_step(node, type); }));
  LL_TRY(for_each_step(root.get("pre_tokenizer"), "pretokenizers",
                       [&](const JsonNode& node, Step type) { return read_word_step(node, type); }));
  LL_ASSIGN(const std::vector<float> scores, spm_scores(model, tokens_.size(), notes_));
  write_tokens("llama");
  header_.text("tokenizer.ggml.pre", "default");
  header_.f32s("tokenizer.ggml.scores", scores);
  header_.boolean("tokenizer.ggml.add_space_prefix", prefix_);
  return {};
}

void VocabWriter::write_id(std::string_view name, std::optional<std::int32_t> id) {
  if (id) {
    header_.u32(fmt::format("tokenizer.ggml.{}_token_id", name), static_cast<std::uint32_t>(*id));
  }
}

/// By the text in tokenizer_config.json, or else by the id in config.json.
std::optional<std::int32_t> VocabWriter::special_id(std::string_view name) const {
  for (const auto& [key, text] : source_.chat.token_texts) {
    if (key == std::string(name) + "_token") {
      return tokenizer_->find(text);
    }
  }
  const auto id = source_.metadata.integer(std::string(name) + "_token_id");
  const bool in_range = id.ok() && *id >= 0 && *id < tokenizer_->vocab_size();
  return in_range ? std::optional(static_cast<std::int32_t>(*id)) : std::nullopt;
}

void VocabWriter::write_special_ids() {
  // What surrounds a text is all that a GGUF can say of a post-processor.
  const std::vector<std::int32_t> plain = tokenizer_->encode("a", {});
  const std::vector<std::int32_t> whole = tokenizer_->encode("a", {.add_special = true});
  const auto inner = std::search(whole.begin(), whole.end(), plain.begin(), plain.end());
  const std::vector<std::int32_t> before(whole.begin(), inner);
  const std::vector<std::int32_t> after(
      inner == whole.end() ? inner : inner + static_cast<std::ptrdiff_t>(plain.size()), whole.end());
  if (before.size() > 1 || after.size() > 1) {
    notes_.push_back(fmt::format("{}: {} tokens are put before and {} after a text, a GGUF has one of each",
                                 source_.tokenizer_json_path, before.size(), after.size()));
  }
  const auto& ends = tokenizer_->end_ids();
  const std::optional<std::int32_t> known_end = ends.empty() ? std::nullopt : std::optional(ends.front());
  const auto eos = special_id("eos");
  write_id("bos", before.empty() ? special_id("bos") : before.front());
  write_id("eos", !after.empty() ? after.front() : eos ? eos : known_end);
  write_id("unknown", special_id("unk"));
  write_id("seperator", special_id("sep"));  // GGUF spells it so
  write_id("padding", special_id("pad"));
  write_id("cls", special_id("cls"));
  write_id("mask", special_id("mask"));
  header_.boolean("tokenizer.ggml.add_bos_token", !before.empty());
  header_.boolean("tokenizer.ggml.add_eos_token", !after.empty());
}

void VocabWriter::write_templates() {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  std::vector<std::string_view> names;
  for (const ChatTemplateSource& each : source_.chat.templates) {
    if (each.name == "default") {
      header_.text(kKey, each.text);
    } else {
      names.push_back(each.name);
      header_.text(fmt::format("{}.{}", kKey, each.name), each.text);
    }
  }
  if (!names.empty()) {
    header_.texts("tokenizer.chat_templates", names);
  }
}

/// Ends of a turn that readers of the file would not know.
Status VocabWriter::write_further_ends(const Tokenizer& written) {
  constexpr std::string_view kNames[] = {"eot", "eom"};
  std::size_t n_written = 0;
  for (const std::int32_t id : tokenizer_->end_ids()) {
    const auto known = written.end_ids();
    if (std::find(known.begin(), known.end(), id) != known.end()) {
      continue;
    }
    if (n_written < std::size(kNames)) {
      write_id(kNames[n_written++], id);
    } else {
      notes_.push_back(fmt::format("{}: '{}' ends a turn too, for which a GGUF has no key left",
                                   source_.tokenizer_json_path, tokenizer_->piece(id)));
    }
  }
  return {};
}

/// Reads the keys back: texts of many kinds must give the same ids.
Status VocabWriter::compare() {
  constexpr std::string_view kTexts[] = {
      "Hello, world! It's 1234567 o'clock, isn't it? I'LL see you'd.",
      " two  spaces,   three\tand a tab\n\n  lines \r\n end ",
      "Grüße, naïve café \xE2\x80\x94 \xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82 "
      "\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xB8\x96\xE7\x95\x8C \xF0\x9F\x98\x80",
      "def f(x):\n    return x[0] + 3.14 // 2  # ok\nHTTPServer camelCase snake_case",
  };
  const std::string keys = header_.bytes();
  LL_ASSIGN(const Checkpoint file, parse_gguf(std::as_bytes(std::span(keys)), source_.path));
  LL_ASSIGN(const auto written, make_tokenizer(file));
  for (const std::string_view text : kTexts) {
    if (written->encode(text, {}) != tokenizer_->encode(text, {})) {
      return errorf(ErrorCode::unsupported, "{}: as a GGUF it would give other ids for '{}'",
                    source_.tokenizer_json_path, one_line(text));
    }
  }
  return write_further_ends(*written);
}

}  // namespace

Status add_vocab_keys(const Checkpoint& source, const VocabOptions& options, GgufHeader& header,
                      std::vector<std::string>& notes) {
  LL_ASSIGN(const auto file, MappedFile::open(source.tokenizer_json_path));
  LL_ASSIGN(const JsonDocument document, JsonDocument::parse(file->bytes(), source.tokenizer_json_path));
  return VocabWriter(source, options, header, notes).write(document.root());
}

}  // namespace llorch
