// llorch verify: whether a model's files are whole, and the ones that a manifest speaks of.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "engine/verify.h"
#include "worker/progress_bar.h"

namespace llorch::cli {
namespace {

using Json = nlohmann::ordered_json;

struct VerifyArgs {
  std::string model;
  std::string manifest;
  std::string write_manifest;
  bool json = false;
};

Result<VerifiedModel> verified(const VerifyArgs& args) {
  std::optional<Manifest> manifest;
  if (!args.manifest.empty()) {
    LL_ASSIGN(manifest, read_manifest(args.manifest));
  }
  if (!args.write_manifest.empty()) {  // before the work begins
    LL_ASSIGN(const ModelFiles files, open_model(args.model));
    LL_TRY(refuse_input(args.write_manifest, *files.checkpoint, {}));
  }
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  const auto draw = [](double share) { draw_bar("verifying", share); };
  auto model =
      verify_model(args.model, manifest ? &*manifest : nullptr, terminal ? draw : std::function<void(double)>());
  if (terminal) {
    draw(1);
  }
  if (model.ok() && !args.write_manifest.empty()) {
    LL_TRY(write_manifest(args.write_manifest, *model->files.checkpoint, model->digests));
  }
  return model;
}

std::string tokenizer_of(const VerifiedModel& model) {
  return model.tokenizer == nullptr
             ? "none"
             : fmt::format("{}, {} tokens", model.tokenizer->kind(), model.tokenizer->vocab_size());
}

void print(const VerifiedModel& model, double seconds) {
  const Checkpoint& checkpoint = *model.files.checkpoint;
  fmt::print(
      "name       {}\ncontainer  {}\ntokenizer  {}\ntensors    {}, {} bytes\ndigest     {}\ntime       {:.2f} s\nok\n",
      escaped(model.files.name), to_string(checkpoint.container), tokenizer_of(model), checkpoint.tensors.size(),
      checkpoint.tensor_bytes(), model.digests.model, seconds);
}

Json to_json(const VerifiedModel& model) {
  const Checkpoint& checkpoint = *model.files.checkpoint;
  return Json{{"ok", true},
              {"fault", nullptr},
              {"name", model.files.name},
              {"container", to_string(checkpoint.container)},
              {"tokenizer", tokenizer_of(model)},
              {"tensors", checkpoint.tensors.size()},
              {"bytes", checkpoint.tensor_bytes()},
              {"model_digest", model.digests.model}};
}

int verify(const VerifyArgs& args) {
  const auto start = std::chrono::steady_clock::now();
  const auto model = verified(args);
  if (args.json) {
    fmt::print("{}\n", dump_json(model.ok() ? to_json(*model) : Json{{"ok", false}, {"fault", model.error().message}}));
    return model.ok() ? kExitOk : exit_code(model.error().code);
  }
  if (!model.ok()) {
    return fail(model.error());
  }
  if (model->tokenizer != nullptr) {
    note_warnings(*model->tokenizer);
  }
  print(*model, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return kExitOk;
}

}  // namespace

Verb add_verify(CLI::App& root) {
  auto args = std::make_shared<VerifyArgs>();
  CLI::App* app = root.add_subcommand("verify", "Checks every byte of a model, and computes its digest");
  app->add_option("MODEL", args->model, "model file, directory, or builtin:haiku")->required();
  CLI::Option* read =
      app->add_option("--manifest", args->manifest, "a file that --write-manifest made: the model must be that one")
          ->check(file_name());
  app->add_option("--write-manifest", args->write_manifest,
                  "writes the digests of the model, if it is good, to this file")
      ->check(file_name())
      ->excludes(read);
  app->add_flag("--json", args->json, "one JSON object, with the fault in it");
  return {app, [args] { return verify(*args); }};
}

}  // namespace llorch::cli
