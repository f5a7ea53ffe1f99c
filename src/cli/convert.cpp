// llorch convert: a Hugging Face directory as a GGUF file.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "base/format.h"
#include "cli/options.h"
#include "convert/hf_to_gguf.h"
#include "convert/recipe.h"
#include "convert/write_gguf.h"
#include "server/progress_bar.h"

namespace llorch::cli {
namespace {

struct ConvertArgs {
  std::string in, out, type;
  HfOptions options;
  bool no_tokenizer = false;
  int threads = 0;
};

/// general.file_type of a file that keeps its tensors as they are: what most of its weights are.
std::uint32_t stored_file_type(const GgufModel& model) {
  std::map<DType, std::int64_t> n_weights;
  for (const GgufTensor& tensor : model.tensors) {
    std::int64_t n = 1;
    for (const std::int64_t dim : tensor.shape) {
      n *= dim;
    }
    n_weights[tensor.type] += n;
  }
  const auto most = std::max_element(n_weights.begin(), n_weights.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  const auto all = recipes();
  const auto recipe = std::find_if(all.begin(), all.end(), [&](const Recipe& r) { return r.type == most->first; });
  return recipe == all.end() ? 0 : recipe->file_type;
}

Result<GgufModel> open_directory(const ConvertArgs& args) {
  LL_ASSIGN(Checkpoint checkpoint, open_checkpoint(args.in));
  if (checkpoint.container != Container::safetensors) {
    return errorf(ErrorCode::invalid_argument, "{}: is a GGUF already; `llorch quantize` changes its number format",
                  args.in);
  }
  HfOptions options = args.options;
  options.with_tokenizer = !args.no_tokenizer;
  return hf_to_gguf(std::make_shared<const Checkpoint>(std::move(checkpoint)), options);
}

/// Writing over a file that is being read would lose it.
Status refuse_source(const GgufModel& model, const std::string& out) {
  for (const auto& file : model.source->files) {
    std::error_code ignored;
    if (std::filesystem::equivalent(file->path(), out, ignored)) {
      return errorf(ErrorCode::invalid_argument, "{} is a part of the model that is to be read", out);
    }
  }
  return {};
}

Status convert(const ConvertArgs& args) {
  const Recipe* recipe = args.type.empty() ? nullptr : find_recipe(args.type);
  if (recipe == nullptr && !args.type.empty()) {
    return errorf(ErrorCode::invalid_argument, "--type: '{}' is not known; `llorch quantize --help` lists them",
                  args.type);
  }
  LL_ASSIGN(GgufModel model, open_directory(args));
  LL_TRY(refuse_source(model, args.out));
  std::vector<DType> types;
  if (recipe != nullptr) {
    types = choose_types(*recipe, model.recipe_model(), model.recipe_tensors());
  } else {
    for (const GgufTensor& tensor : model.tensors) {
      types.push_back(tensor.type);
    }
  }
  model.header.u32("general.file_type", recipe != nullptr ? recipe->file_type : stored_file_type(model));
  for (const std::string& text : model.notes) {
    note(text);
  }
  WriteOptions options{.n_threads = args.threads, .progress = {}};
  options.allow_requantize = recipe != nullptr && format_of(recipe->type).block_len == 1;  // nothing more is lost
  if (isatty(STDERR_FILENO) != 0) {
    options.progress = draw_progress;
  }
  const auto begin = std::chrono::steady_clock::now();
  LL_TRY(write_gguf(model, types, args.out, options));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  fmt::print("{}: {} tensors, {} bytes, {:.1f} s\n", args.out, types.size(), gguf_file_bytes(model, types),
             took.count());
  return {};
}

}  // namespace

Verb add_convert(CLI::App& root) {
  auto args = std::make_shared<ConvertArgs>();
  CLI::App* app = root.add_subcommand("convert", "Writes a Hugging Face directory as a GGUF file");
  app->add_option("DIR", args->in, "directory with config.json and *.safetensors")->required();
  app->add_option("OUT", args->out, "GGUF file to write")->required();
  app->add_option("--type", args->type, "number format (default: each tensor keeps the one it has)");
  app->add_option("--name", args->options.name, "general.name (default: the directory's name)");
  app->add_option("--pre", args->options.pre, "tokenizer.ggml.pre, where tokenizer.json does not tell it");
  app->add_flag("--no-tokenizer", args->no_tokenizer, "write a file without a vocabulary");
  app->add_option("--threads", args->threads, "0: the physical cores allowed to the process")
      ->check(whole_in(0, 1024))
      ->capture_default_str();
  return {app, [args] { return finish(convert(*args)); }};
}

}  // namespace llorch::cli
