// llorch quantize: a model in another number format, as a GGUF file.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "base/format.h"
#include "cli/gguf_job.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "convert/recipe.h"

namespace llorch::cli {
namespace {

struct QuantizeArgs {
  std::string in;
  GgufJob job;
};

Status quantize(const QuantizeArgs& args) {
  LL_TRY(check_job(args.job));
  LL_TRY(refuse_builtin(args.in));
  LL_ASSIGN(GgufModel model, open_gguf_model(args.in));
  LL_TRY(refuse_input(args.job.out, *model.source, {args.job.imatrix}));
  return run_job(model, args.job);
}

}  // namespace

Verb add_quantize(CLI::App& root) {
  auto args = std::make_shared<QuantizeArgs>();
  CLI::App* app = root.add_subcommand("quantize", "Writes a model in another number format, as a GGUF file");
  std::string types = "Types:\n";
  for (const Recipe& recipe : recipes()) {
    types += fmt::format("  {:<8} {}\n", recipe.name, recipe.what);
  }
  app->footer(types);
  app->add_option("IN", args->in, "model file or directory")->required();
  add_job_options(*app, args->job);
  app->get_option("--type")->required();
  return {app, [args] { return finish(quantize(*args)); }};
}

}  // namespace llorch::cli
