// llorch logits: the raw numbers of every position, for comparing devices, builds and other programs.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/format.h"
#include "cli/direct.h"
#include "cli/options.h"
#include "cli/outputs.h"

namespace llorch::cli {
namespace {

constexpr int kMaxChunk = 512;

struct LogitsArgs {
  std::string model;
  std::string tokens;
  std::string out;
  int chunk = kMaxChunk;
  DeviceArgs device;
};

/// Runs `ids` chunk by chunk and appends each chunk's rows to `out`.
Status write_logits(LoadedModel& model, std::span<const std::int32_t> ids, const LogitsArgs& args, Output& out) {
  const int vocab = model.plan.spec.vocab;
  DirectSequence sequence(*model.backend, model.kv, model.context);
  std::vector<float> rows;  // [tokens of the chunk, vocab]
  while (!ids.empty()) {
    const auto n = std::min(ids.size(), static_cast<std::size_t>(args.chunk));
    rows.resize(n * static_cast<std::size_t>(vocab));
    LL_TRY(sequence.append(ids.first(n), vocab, rows));
    LL_TRY(out.write(std::as_bytes(std::span(rows))));
    ids = ids.subspan(n);
  }
  return {};
}

Status logits(const LogitsArgs& args) {
  LL_ASSIGN(const std::vector<std::int32_t> ids, parse_ids(args.tokens));
  LoadOptions options;
  options.max_batch_tokens = args.chunk;
  options.max_outputs = args.chunk;
  options.need_tokenizer = false;
  LL_ASSIGN(LoadedModel model, load(args.model, args.device, options));
  LL_TRY(check_ids(ids, model.plan.spec.vocab));
  if (ids.size() > static_cast<std::size_t>(model.context)) {
    return errorf(ErrorCode::invalid_argument, "--tokens: {} ids, but the context holds {}", ids.size(), model.context);
  }
  LL_ASSIGN(Output out, Output::create(args.out, *model.files.checkpoint));
  LL_TRY(write_logits(model, ids, args, out));
  return out.commit();
}

}  // namespace

Verb add_logits(CLI::App& root) {
  auto args = std::make_shared<LogitsArgs>();
  CLI::App* app = root.add_subcommand(
      "logits", "Writes the logits of every position: float32, row-major, [tokens, vocabulary], native byte order");
  app->add_option("MODEL", args->model, "model file, directory, or builtin:haiku")->required();
  app->add_option("--tokens", args->tokens, "exactly these token ids: 1,2,3 (no BOS is added)")->required();
  app->add_option("--out", args->out, "file to write")->required()->check(file_name());
  app->add_option("--chunk", args->chunk, "tokens of one batch")->check(whole_in(1, kMaxChunk))->capture_default_str();
  add_device_options(*app, args->device);
  return {app, [args] { return finish(logits(*args)); }};
}

}  // namespace llorch::cli
