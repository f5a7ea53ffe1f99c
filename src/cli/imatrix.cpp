// llorch imatrix: runs a text through a model and writes how much each input channel of its matrices matters, for
// `llorch quantize --imatrix`.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/format.h"
#include "cli/direct.h"
#include "cli/input_sums.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "convert/importance_file.h"
#include "worker/progress_bar.h"

namespace llorch::cli {
namespace {

constexpr int kBatch = 256;
constexpr int kDefaultChunk = 512;

struct ImatrixArgs {
  std::string model, file, out;
  int chunk = 0;  // 0: kDefaultChunk, or the context when it is smaller
  int n_chunks = 0;
  DeviceArgs device;
};

Result<std::vector<std::int32_t>> read_ids(const LoadedModel& model, const std::string& path) {
  const Result<std::string> text = read_file(path);
  if (!text.ok()) {
    return errorf(ErrorCode::io, "--file: {}", text.error().message);
  }
  std::vector<std::int32_t> ids = model.tokenizer->encode(*text, {.parse_special = true, .add_special = true});
  LL_TRY(check_ids(ids, model.plan.spec.vocab));
  if (ids.size() < 2) {
    return errorf(ErrorCode::invalid_argument, "--file: '{}' has {} tokens, and at least 2 are needed", path,
                  ids.size());
  }
  return ids;
}

int chunk_of(const ImatrixArgs& args, const LoadedModel& model) {
  return args.chunk > 0 ? args.chunk : std::min(kDefaultChunk, model.context);
}

/// Chunk after chunk, each from an empty KV cache; the last may be shorter.
Result<std::uint32_t> observe(LoadedModel& model, std::span<const std::int32_t> ids, const ImatrixArgs& args,
                              StepObserver& observer) {
  const auto chunk = static_cast<std::size_t>(chunk_of(args, model));
  const std::size_t all = (ids.size() + chunk - 1) / chunk;
  const std::size_t n = args.n_chunks > 0 ? std::min<std::size_t>(all, static_cast<std::size_t>(args.n_chunks)) : all;
  DirectSequence sequence(*model.backend, model.kv, model.context);
  const bool shown = isatty(STDERR_FILENO) != 0;
  for (std::size_t i = 0; i < n; ++i) {
    auto left = ids.subspan(i * chunk, std::min(chunk, ids.size() - i * chunk));
    sequence.clear();
    while (!left.empty()) {
      const std::size_t batch = std::min<std::size_t>(left.size(), kBatch);
      LL_TRY(sequence.append(left.first(batch), model.plan.spec.vocab, {}, &observer));
      left = left.subspan(batch);
    }
    if (shown) {
      draw_bar("reading", static_cast<double>(i + 1) / static_cast<double>(n));
    }
  }
  return static_cast<std::uint32_t>(n);
}

Status imatrix(const ImatrixArgs& args) {
  LoadOptions options;
  options.max_batch_tokens = kBatch;
  LL_ASSIGN(LoadedModel model, load(args.model, args.device, options));
  LL_TRY(refuse_input(args.out, *model.files.checkpoint, {args.file}));
  if (args.chunk > model.context) {
    return errorf(ErrorCode::invalid_argument, "--chunk: {} tokens, but the context holds {}", args.chunk,
                  model.context);
  }
  LL_ASSIGN(const std::vector<std::int32_t> ids, read_ids(model, args.file));
  LL_ASSIGN(AtomicFile file, AtomicFile::create(args.out));  // before the work
  InputSums inputs(model.plan);
  ImportanceRun run{.dataset = std::filesystem::path(args.file).filename(),
                    .chunk_tokens = static_cast<std::uint32_t>(chunk_of(args, model))};
  LL_ASSIGN(run.n_chunks, observe(model, ids, args, inputs));
  run.sums = inputs.sums();
  LL_TRY(write_importance(run, file));
  fmt::print("{}: {} matrices, {} chunks of up to {} tokens\n", args.out, run.sums.size(), run.n_chunks,
             run.chunk_tokens);
  return {};
}

}  // namespace

Verb add_imatrix(CLI::App& root) {
  auto args = std::make_shared<ImatrixArgs>();
  CLI::App* app = root.add_subcommand("imatrix", "Measures which inputs of a model's matrices matter, for quantize");
  app->add_option("MODEL", args->model, "model file, directory, or builtin:haiku")->required();
  app->add_option("--file", args->file, "a text like those that the model will see, UTF-8")
      ->required()
      ->check(file_name());
  app->add_option("--out", args->out, "GGUF file to write")->required()->check(file_name());
  app->add_option("--chunk", args->chunk,
                  "tokens of a chunk, which starts from an empty KV cache (default: 512, or the context when it is "
                  "smaller)")
      ->check(whole_in(2, 1 << 24));
  app->add_option("--chunks", args->n_chunks, "chunks at most; 0: the whole text")
      ->check(whole_in(0, INT32_MAX))
      ->capture_default_str();
  add_device_options(*app, args->device);
  return {app, [args] { return finish(imatrix(*args)); }};
}

}  // namespace llorch::cli
