#include "cli/gguf_job.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "base/format.h"
#include "base/json.h"
#include "checkpoint/printable.h"
#include "cli/options.h"
#include "convert/importance_file.h"
#include "convert/recipe.h"
#include "convert/write_gguf.h"
#include "worker/progress_bar.h"

namespace llorch::cli {
namespace {

constexpr std::uint32_t kQuantizationVersion = 2;  // of ggml's block formats
constexpr std::size_t kNoteBytes = 1000;           // it may quote tokens of the model

std::string recipe_names() {
  std::string names;
  for (const Recipe& recipe : recipes()) {
    names.append(names.empty() ? "" : ", ").append(recipe.name);
  }
  return names;
}

bool is_blocks(DType type) {
  return format_of(type).block_len > 1;
}

std::int64_t n_weights(const GgufTensor& tensor) {
  return std::accumulate(tensor.shape.begin(), tensor.shape.end(), std::int64_t{1}, std::multiplies<>());
}

struct Total {
  int n_tensors = 0;
  std::int64_t n_weights = 0;
};

std::map<DType, Total> totals_by_type(const GgufModel& model, const std::vector<DType>& types) {
  std::map<DType, Total> totals;
  for (std::size_t i = 0; i < types.size(); ++i) {
    Total& total = totals[types[i]];
    ++total.n_tensors;
    total.n_weights += n_weights(model.tensors[i]);
  }
  return totals;
}

/// general.file_type of a file that keeps its tensors as they are: what most of its weights are.
std::uint32_t stored_file_type(const std::map<DType, Total>& totals) {
  const auto most = std::max_element(totals.begin(), totals.end(), [](const auto& a, const auto& b) {
    return a.second.n_weights < b.second.n_weights;
  });
  const auto all = recipes();
  const auto recipe = std::find_if(all.begin(), all.end(), [&](const Recipe& r) { return r.type == most->first; });
  return recipe == all.end() ? 0 : recipe->file_type;
}

/// The matrices that are searched, and those of them whose inputs' importance is known.
struct Weighed {
  int known = 0;
  int all = 0;
};

Weighed count_weighed(const GgufModel& model, const std::vector<DType>& types, const Importance& importance) {
  Weighed weighed;
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types[i] != model.tensors[i].type && is_blocks(types[i])) {
      ++weighed.all;
      weighed.known += importance.find(model.tensors[i].name) != nullptr ? 1 : 0;
    }
  }
  return weighed;
}

void print(const GgufModel& model, const GgufJob& job, const std::vector<DType>& types, double seconds) {
  const std::uint64_t bytes = gguf_file_bytes(model, types);
  const auto totals = totals_by_type(model, types);
  if (job.json) {
    nlohmann::json formats = nlohmann::json::object();
    for (const auto& [type, total] : totals) {
      formats[std::string(format_of(type).name)] = {{"tensors", total.n_tensors},
                                                    {"bytes", bytes_of(format_of(type), total.n_weights)}};
    }
    const nlohmann::json report = {{"file", job.out},         {"type", job.type},   {"bytes", bytes},
                                   {"written", !job.dry_run}, {"seconds", seconds}, {"formats", std::move(formats)}};
    fmt::print("{}\n", dump_json(report));
    return;
  }
  fmt::print("{}: {} bytes, {}{}\n", job.out, bytes, job.type.empty() ? "formats as they were" : job.type,
             job.dry_run ? " (not written)" : fmt::format(", {:.1f} s", seconds));
  for (const auto& [type, total] : totals) {
    fmt::print("  {:<7} {:>5} tensors {:>15} bytes\n", format_of(type).name, total.n_tensors,
               bytes_of(format_of(type), total.n_weights));
  }
}

/// The formats of a job, and the keys that tell of them.
std::vector<DType> choose(GgufModel& model, const GgufJob& job) {
  std::vector<DType> types;
  for (const GgufTensor& tensor : model.tensors) {
    types.push_back(tensor.type);
  }
  const Recipe* recipe = find_recipe(job.type);
  if (recipe != nullptr) {
    RecipeModel facts = model.recipe_model();
    facts.has_importance = !job.imatrix.empty();
    types = choose_types(*recipe, facts, model.recipe_tensors());
  }
  const auto totals = totals_by_type(model, types);
  model.header.u32("general.file_type", recipe != nullptr ? recipe->file_type : stored_file_type(totals));
  if (std::any_of(totals.begin(), totals.end(), [](const auto& total) { return is_blocks(total.first); })) {
    model.header.u32("general.quantization_version", kQuantizationVersion);
  }
  return types;
}

}  // namespace

void add_job_options(CLI::App& app, GgufJob& job) {
  app.add_option("OUT", job.out, "GGUF file to write")->required()->check(file_name());
  app.add_option("--type", job.type, "number format: " + recipe_names())->check(not_empty());
  app.add_option("--imatrix", job.imatrix, "importance of the inputs, from `llorch imatrix` or llama.cpp")
      ->check(file_name());
  app.add_option("--threads", job.threads, "0: the physical cores allowed to the process")
      ->check(whole_in(0, 1024))
      ->capture_default_str();
  app.add_flag("--allow-requantize", job.allow_requantize, "take weights that were quantised before");
  app.add_flag("--dry-run", job.dry_run, "tell what would be written, and write nothing");
  app.add_flag("--json", job.json, "one JSON object");
}

Status check_job(const GgufJob& job) {
  const Recipe* recipe = find_recipe(job.type);
  if (recipe == nullptr && !job.type.empty()) {
    return errorf(ErrorCode::invalid_argument, "--type: known are {}, not '{}'", recipe_names(), job.type);
  }
  if (!job.imatrix.empty() && (recipe == nullptr || !is_blocks(recipe->type))) {
    return errorf(ErrorCode::invalid_argument, "--imatrix: has no effect {}",
                  recipe == nullptr ? "without --type" : fmt::format("with --type {}", recipe->name));
  }
  return {};
}

Status run_job(GgufModel& model, const GgufJob& job) {
  const std::vector<DType> types = choose(model, job);
  for (const std::string& text : model.notes) {
    note(printable(text, kNoteBytes));
  }
  Importance importance;
  if (!job.imatrix.empty()) {
    LL_ASSIGN(importance, read_importance(job.imatrix));
    const Weighed weighed = count_weighed(model, types, importance);
    if (weighed.known == 0) {
      return errorf(ErrorCode::invalid_argument, "--imatrix: {} knows none of the {} matrices that are to be quantised",
                    job.imatrix, weighed.all);
    }
    LL_TRY(check_gguf(model, types, {.importance = &importance, .allow_requantize = job.allow_requantize}));
    note(fmt::format("{} of {} matrices are weighed by {}", weighed.known, weighed.all, job.imatrix));
  }
  WriteOptions options{.n_threads = job.threads,
                       .importance = job.imatrix.empty() ? nullptr : &importance,
                       .allow_requantize = job.allow_requantize,
                       .progress = {}};
  if (isatty(STDERR_FILENO) != 0) {
    options.progress = [&job](double done) { draw_bar(job.type.empty() ? "writing" : "quantizing", done); };
  }
  const auto begin = std::chrono::steady_clock::now();
  LL_TRY(job.dry_run ? check_gguf(model, types, options) : write_gguf(model, types, job.out, options));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  print(model, job, types, took.count());
  return {};
}

}  // namespace llorch::cli
