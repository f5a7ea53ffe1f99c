// llorch quantize: a model in another number format, as a GGUF file.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <system_error>
#include <vector>

#include "base/format.h"
#include "base/json.h"
#include "cli/options.h"
#include "convert/gguf_model.h"
#include "convert/importance_file.h"
#include "convert/recipe.h"
#include "convert/write_gguf.h"
#include "server/progress_bar.h"

namespace llorch::cli {
namespace {

constexpr std::uint32_t kQuantizationVersion = 2;  // of ggml's block formats

struct QuantizeArgs {
  std::string in, out, type, imatrix;
  int threads = 0;
  bool allow_requantize = false;
  bool dry_run = false;
  bool json = false;
};

std::string recipe_names() {
  std::string names;
  for (const Recipe& recipe : recipes()) {
    names += names.empty() ? "" : ", ";
    names += recipe.name;
  }
  return names;
}

/// Writing over the model that is being read would lose it.
Status refuse_same_file(const QuantizeArgs& args) {
  std::error_code ignored;
  if (std::filesystem::equivalent(args.in, args.out, ignored)) {
    return errorf(ErrorCode::invalid_argument, "{} and {} are the same file", args.in, args.out);
  }
  return {};
}

struct TypeTotal {
  int n_tensors = 0;
  std::int64_t bytes = 0;
};

std::map<std::string_view, TypeTotal> totals_by_type(const GgufModel& model, const std::vector<DType>& types) {
  std::map<std::string_view, TypeTotal> totals;
  for (std::size_t i = 0; i < types.size(); ++i) {
    const Format& format = format_of(types[i]);
    const auto& shape = model.tensors[i].shape;
    TypeTotal& total = totals[format.name];
    ++total.n_tensors;
    total.bytes += bytes_of(format, std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
  }
  return totals;
}

void print(const QuantizeArgs& args, const Recipe& recipe, const GgufModel& model, const std::vector<DType>& types,
           double seconds) {
  const std::uint64_t bytes = gguf_file_bytes(model, types);
  const auto totals = totals_by_type(model, types);
  if (args.json) {
    nlohmann::json formats = nlohmann::json::object();
    for (const auto& [name, total] : totals) {
      formats[std::string(name)] = {{"tensors", total.n_tensors}, {"bytes", total.bytes}};
    }
    fmt::print("{}\n", dump_json(nlohmann::json{{"file", args.out},
                                                {"type", recipe.name},
                                                {"bytes", bytes},
                                                {"written", !args.dry_run},
                                                {"seconds", seconds},
                                                {"formats", std::move(formats)}}));
    return;
  }
  fmt::print("{}: {} bytes, {}{}\n", args.out, bytes, recipe.name,
             args.dry_run ? " (not written)" : fmt::format(", {:.1f} s", seconds));
  for (const auto& [name, total] : totals) {
    fmt::print("  {:<7} {:>5} tensors {:>15} bytes\n", name, total.n_tensors, total.bytes);
  }
}

Status quantize(const QuantizeArgs& args) {
  const Recipe* recipe = find_recipe(args.type);
  if (recipe == nullptr) {
    return errorf(ErrorCode::invalid_argument, "--type: known are {}, not '{}'", recipe_names(), args.type);
  }
  LL_TRY(refuse_same_file(args));
  LL_ASSIGN(GgufModel model, open_gguf_model(args.in));
  for (const std::string& text : model.notes) {
    note(text);
  }
  Importance importance;
  if (!args.imatrix.empty()) {
    LL_ASSIGN(importance, read_importance(args.imatrix));
  }
  RecipeModel facts = model.recipe_model();
  facts.has_importance = !args.imatrix.empty();
  const std::vector<DType> types = choose_types(*recipe, facts, model.recipe_tensors());
  model.header.u32("general.file_type", recipe->file_type);
  if (format_of(recipe->type).block_len > 1) {
    model.header.u32("general.quantization_version", kQuantizationVersion);
  }
  WriteOptions options{.n_threads = args.threads,
                       .importance = args.imatrix.empty() ? nullptr : &importance,
                       .allow_requantize = args.allow_requantize,
                       .progress = {}};
  if (isatty(STDERR_FILENO) != 0) {
    options.progress = draw_progress;
  }
  const auto begin = std::chrono::steady_clock::now();
  if (args.dry_run) {
    LL_TRY(check_gguf(model, types, options));
  } else {
    LL_TRY(write_gguf(model, types, args.out, options));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  print(args, *recipe, model, types, took.count());
  return {};
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
  app->add_option("OUT", args->out, "GGUF file to write")->required();
  app->add_option("--type", args->type, "number format, see below")->required();
  app->add_option("--imatrix", args->imatrix, "importance of the inputs, from `llorch imatrix` or llama.cpp");
  app->add_option("--threads", args->threads, "0: the physical cores allowed to the process")
      ->check(whole_in(0, 1024))
      ->capture_default_str();
  app->add_flag("--allow-requantize", args->allow_requantize, "take weights that were quantised before");
  app->add_flag("--dry-run", args->dry_run, "tell what would be written, and write nothing");
  app->add_flag("--json", args->json, "one JSON object");
  return {app, [args] { return finish(quantize(*args)); }};
}

}  // namespace llorch::cli
