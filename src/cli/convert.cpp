// llorch convert: a Hugging Face directory as a GGUF file.
#include <memory>
#include <string>

#include "base/format.h"
#include "cli/gguf_job.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "convert/hf_to_gguf.h"

namespace llorch::cli {
namespace {

struct ConvertArgs {
  std::string in;
  HfOptions options;
  bool no_tokenizer = false;
  GgufJob job;
};

Result<GgufModel> open_directory(const ConvertArgs& args) {
  LL_TRY(refuse_builtin(args.in));
  LL_ASSIGN(Checkpoint checkpoint, open_checkpoint(args.in));
  if (checkpoint.container != Container::safetensors) {
    return errorf(ErrorCode::invalid_argument, "{}: is a GGUF already; `llorch quantize` changes its number format",
                  args.in);
  }
  HfOptions options = args.options;
  options.with_tokenizer = !args.no_tokenizer;
  return hf_to_gguf(std::make_shared<const Checkpoint>(std::move(checkpoint)), options);
}

Status convert(const ConvertArgs& args) {
  LL_TRY(check_job(args.job));
  LL_ASSIGN(GgufModel model, open_directory(args));
  LL_TRY(refuse_input(args.job.out, *model.source, {args.job.imatrix}));
  return run_job(model, args.job);
}

}  // namespace

Verb add_convert(CLI::App& root) {
  auto args = std::make_shared<ConvertArgs>();
  CLI::App* app = root.add_subcommand("convert", "Writes a Hugging Face directory as a GGUF file");
  app->add_option("DIR", args->in, "directory with config.json and *.safetensors")->required();
  add_job_options(*app, args->job);
  app->get_option("--type")->description(app->get_option("--type")->get_description() +
                                         " (default: each tensor keeps the one it has)");
  app->add_option("--name", args->options.name, "general.name (default: the directory's name)");
  CLI::Option* pre =
      app->add_option("--pre", args->options.pre, "tokenizer.ggml.pre, where tokenizer.json does not tell it")
          ->check(not_empty());
  app->add_flag("--no-tokenizer", args->no_tokenizer, "write a file without a vocabulary")->excludes(pre);
  return {app, [args] { return finish(convert(*args)); }};
}

}  // namespace llorch::cli
