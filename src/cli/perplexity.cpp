// llorch perplexity: how well a model foretells a text, and how far its probabilities are from those of an earlier run
// (another format, another device). scoring.h says which tokens count.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/format.h"
#include "base/json.h"
#include "cli/divergence.h"
#include "cli/likelihood.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/perplexity_report.h"
#include "cli/saved_run.h"
#include "cli/scoring.h"
#include "worker/progress_bar.h"

namespace llorch::cli {
namespace {

constexpr int kDefaultWindow = 512;

struct PerplexityArgs {
  std::string model;
  std::string file;
  int window = 0;     // 0: kDefaultWindow, or the context when it is smaller
  int n_windows = 0;  // 0: all
  std::string save;
  std::string against;
  bool special = false;  // markers of control tokens are tokens, else plain text
  bool json = false;
  DeviceArgs device;
};

/// The text's ids, with what the tokenizer says a prompt begins with.
Result<TextTokens> read_text(const Tokenizer& tokenizer, const std::string& text, const PerplexityArgs& args,
                             int vocab) {
  const EncodeOptions whole = {.parse_special = args.special, .add_special = true};
  TextTokens tokens{.ids = tokenizer.encode(text, whole), .bos = {}};
  LL_TRY(check_ids(tokens.ids, vocab));
  if (tokens.ids.size() < 2) {
    return errorf(ErrorCode::invalid_argument, "--file: '{}' has {} token, and at least 2 are needed", args.file,
                  tokens.ids.size());
  }
  const std::vector<std::int32_t> added = tokenizer.encode("", whole);
  if (!added.empty() && added.front() == tokenizer.bos_id()) {
    tokens.bos = tokenizer.bos_id();
  }
  return tokens;
}

Result<int> choose_window(const PerplexityArgs& args, int context) {
  if (args.window > context) {
    return errorf(ErrorCode::invalid_argument, "--window: {} tokens, but the context holds {}", args.window, context);
  }
  if (context < kMinWindow) {
    return errorf(ErrorCode::invalid_argument, "--context: a window has at least {} tokens, the context holds {}",
                  kMinWindow, context);
  }
  return args.window > 0 ? args.window : std::min(kDefaultWindow, context);
}

/// Where the scored tokens' numbers go: into sums, into a file, into the comparison with one.
class Measurement {
 public:
  Measurement(const LoadedModel& model, const TextTokens& text)
      : model_(model), text_(text), log_probs_(static_cast<std::size_t>(model.plan.spec.vocab)) {}

  /// Opens what --against and --save name, before the work begins.
  Status open(const PerplexityArgs& args, const SavedRunHeader& run) {
    if (!args.against.empty()) {
      LL_ASSIGN(SavedRunReader reader, SavedRunReader::open(args.against));
      base_.emplace(std::move(reader));
      LL_TRY(check_comparable(base_->header(), run, args.against));
      base_log_probs_.resize(log_probs_.size());
    }
    if (!args.save.empty()) {
      const std::int64_t bytes = saved_run_bytes(run);
      LL_TRY(check_free_space(args.save, bytes));
      note(fmt::format("{} scored tokens x {} log-probabilities take {} bytes in '{}'", run.n_positions, run.vocab,
                       bytes, args.save));
      LL_ASSIGN(SavedRunWriter writer, SavedRunWriter::create(args.save, run));
      saved_.emplace(std::move(writer));
    }
    return {};
  }

  Status add(std::size_t index, std::span<const float> logits) {
    const std::int32_t token = text_.ids[index];
    const Result<double> total = log_sum_exp(logits);
    if (!total.ok()) {
      return errorf(total.error().code, "{}: before token {} of the text {}", model_.files.name, index,
                    total.error().message);
    }
    nll.add(*total - static_cast<double>(logits[static_cast<std::size_t>(token)]));
    n_bytes += static_cast<std::int64_t>(model_.tokenizer->stream_piece(token, false, true).size());
    if (base_ || saved_) {
      LL_TRY(log_softmax(logits, log_probs_));
    }
    if (saved_) {
      LL_TRY(saved_->add(log_probs_));
    }
    if (base_) {
      LL_TRY(base_->next(base_log_probs_));
      divergence.add(base_log_probs_, log_probs_, token);
    }
    return {};
  }

  /// Gives the saved file its name.
  Status commit() { return saved_ ? saved_->commit() : Status(); }
  const SavedRunHeader* base() const { return base_ ? &base_->header() : nullptr; }

  RunningMean nll;
  std::int64_t n_bytes = 0;
  Divergence divergence;

 private:
  const LoadedModel& model_;
  const TextTokens& text_;
  std::optional<SavedRunWriter> saved_;
  std::optional<SavedRunReader> base_;
  std::vector<float> log_probs_;       // [vocab]
  std::vector<float> base_log_probs_;  // [vocab]
};

/// Scores all windows, with a bar on a terminal.
Status measure(LoadedModel& model, const TextTokens& text, std::span<const Window> windows, Measurement& measurement) {
  const auto n_scored = static_cast<double>(count_scored(windows));
  const bool shown = isatty(STDERR_FILENO) != 0;
  Status status = score(model, text, windows, [&](std::size_t index, std::span<const float> logits) -> Status {
    LL_TRY(measurement.add(index, logits));
    if (const std::int64_t done = measurement.nll.count(); shown && done % kScoringRows == 0) {
      draw_bar("scoring", static_cast<double>(done) / n_scored);
    }
    return {};
  });
  if (shown) {
    draw_bar("scoring", 1);  // gone, whatever ended it
  }
  return status;
}

PerplexityReport report_of(const PerplexityArgs& args, const LoadedModel& model, const TextTokens& text,
                           std::span<const Window> windows, const Measurement& measurement) {
  PerplexityReport report;
  report.model = model.files.name;
  report.device = model.backend->name();
  report.activations = args.device.activations;
  report.file = args.file;
  report.text_tokens = static_cast<std::int64_t>(text.ids.size());
  report.n_windows = static_cast<std::int64_t>(windows.size());
  report.unused_tokens = static_cast<std::int64_t>(text.ids.size() - windows.back().begin - windows.back().n_tokens);
  report.scored_bytes = measurement.n_bytes;
  report.nll = measurement.nll;
  if (measurement.base() != nullptr) {
    report.against = {args.against, measurement.base()->model, measurement.divergence.summary()};
  }
  return report;
}

Status perplexity(const PerplexityArgs& args) {
  const Result<std::string> content = read_file(args.file);
  if (!content.ok()) {
    return errorf(ErrorCode::io, "--file: {}", content.error().message);
  }
  LoadOptions options;
  options.max_batch_tokens = kScoringBatch;
  options.max_outputs = kScoringRows;
  LL_ASSIGN(LoadedModel model, load(args.model, args.device, options));
  LL_TRY(refuse_input(args.save, *model.files.checkpoint, {args.file, args.against}));
  LL_ASSIGN(const int window, choose_window(args, model.context));
  LL_ASSIGN(const TextTokens text, read_text(*model.tokenizer, *content, args, model.plan.spec.vocab));
  std::vector<Window> windows = cut_windows(text.ids.size(), static_cast<std::size_t>(window));
  if (args.n_windows > 0 && windows.size() > static_cast<std::size_t>(args.n_windows)) {
    windows.resize(static_cast<std::size_t>(args.n_windows));
  }
  const SavedRunHeader run{.vocab = model.plan.spec.vocab,
                           .window = window,
                           .bos = text.bos,
                           .n_positions = count_scored(windows),
                           .tokens = text.ids,
                           .model = model.files.name};
  Measurement measurement(model, text);
  LL_TRY(measurement.open(args, run));
  LL_TRY(measure(model, text, windows, measurement));
  LL_TRY(measurement.commit());
  PerplexityReport report = report_of(args, model, text, windows, measurement);
  report.text_bytes = static_cast<std::int64_t>(content->size());
  report.window = window;
  report.whole_windows = text.ids.size() >= static_cast<std::size_t>(window);
  if (!args.save.empty()) {
    report.saved = {args.save, saved_run_bytes(run)};
  }
  if (args.json) {
    fmt::print("{}\n", dump_json(to_json(report)));
  } else {
    print(report);
  }
  return {};
}

}  // namespace

Verb add_perplexity(CLI::App& root) {
  auto args = std::make_shared<PerplexityArgs>();
  CLI::App* app = root.add_subcommand(
      "perplexity", "Measures how well a model foretells a text, and how far it is from an earlier run");
  app->add_option("MODEL", args->model, "model file, directory, or builtin:haiku")->required();
  app->add_option("--file", args->file, "the text, UTF-8")->required()->check(file_name());
  app->add_flag("--special", args->special,
                "the text's markers of control tokens (<|user|>) are tokens, not plain text");
  app->add_option("--window", args->window,
                  "tokens of a window, whose second half is scored (default: 512, or the context when it is smaller)")
      ->check(whole_in(kMinWindow, 1 << 24));
  app->add_option("--windows", args->n_windows, "windows at most; 0: all that the text fills")
      ->check(whole_in(0, INT32_MAX))
      ->capture_default_str();
  app->add_option("--save", args->save,
                  "writes all log-probabilities to this file: 4 bytes x vocabulary for each scored token")
      ->check(file_name());
  app->add_option("--against", args->against, "compares with what --save wrote of the same text")->check(file_name());
  app->add_flag("--json", args->json, "one JSON object");
  add_device_options(*app, args->device);
  return {app, [args] { return finish(perplexity(*args)); }};
}

}  // namespace llorch::cli
