// llorch inspect: what a model file holds and what llorch makes of it, without a device.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "checkpoint/layout.h"
#include "cli/options.h"

namespace llorch::cli {
namespace {

using Json = nlohmann::json;

struct InspectArgs {
  std::string model;
  int context = 0;
  bool json = false;
};

/// Everything that is shown; what cannot be made of these files is told as text.
struct Facts {
  ModelFiles files;
  std::string tokenizer;  // kind and size, or why there is none
  std::string spec;
  std::string plan;
  std::string plan_error;  // empty: the model can be run
};

struct TypeTotal {
  int n_tensors = 0;
  std::int64_t n_weights = 0;
  std::int64_t bytes = 0;
};

/// A value on one line of the listing; a chat template would fill the screen.
std::string shortened(const MetaValue& value) {
  constexpr std::size_t kMaxShown = 160;
  const std::string text = to_string(value);
  return text.size() <= kMaxShown ? escaped(text)
                                  : fmt::format("{}... ({} bytes)", escaped(text.substr(0, kMaxShown)), text.size());
}

std::map<std::string, TypeTotal> totals_by_type(const Checkpoint& checkpoint) {
  std::map<std::string, TypeTotal> totals;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    TypeTotal& total = totals[std::string(format_of(tensor.type).name)];
    ++total.n_tensors;
    total.n_weights += tensor.elements();
    total.bytes += static_cast<std::int64_t>(tensor.data.size());
  }
  return totals;
}

Result<Facts> gather(const InspectArgs& args) {
  Facts facts;
  LL_ASSIGN(facts.files, open_model(args.model));
  const auto tokenizer = make_tokenizer(*facts.files.checkpoint);
  facts.tokenizer = tokenizer.ok() ? fmt::format("{}, {} tokens", (*tokenizer)->kind(), (*tokenizer)->vocab_size())
                                   : "none: " + tokenizer.error().message;
  if (tokenizer.ok()) {
    note_warnings(**tokenizer);
  }
  const auto plan = plan_of(*facts.files.checkpoint, args.context);
  if (plan.ok()) {
    facts.spec = to_string(plan->spec);
    facts.plan = to_string(*plan);
  } else {
    facts.plan_error = plan.error().message;
  }
  return facts;
}

Json to_json(const Facts& facts) {
  const Checkpoint& checkpoint = *facts.files.checkpoint;
  Json metadata = Json::object();
  for (const auto& [key, value] : checkpoint.metadata.all()) {
    metadata[key] = to_string(value);
  }
  Json tensors = Json::array();
  for (const auto& [name, tensor] : checkpoint.tensors) {
    tensors.push_back({{"name", name},
                       {"type", format_of(tensor.type).name},
                       {"shape", tensor.shape},
                       {"bytes", tensor.data.size()}});
  }
  Json types = Json::object();
  for (const auto& [type, total] : totals_by_type(checkpoint)) {
    types[type] = {{"tensors", total.n_tensors}, {"weights", total.n_weights}, {"bytes", total.bytes}};
  }
  const auto text_or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  return Json{{"name", facts.files.name},
              {"container", to_string(checkpoint.container)},
              {"tokenizer", facts.tokenizer},
              {"metadata", std::move(metadata)},
              {"tensors", std::move(tensors)},
              {"types", std::move(types)},
              {"spec", text_or_null(facts.spec)},
              {"plan", text_or_null(facts.plan)},
              {"plan_error", text_or_null(facts.plan_error)}};
}

void print(const Facts& facts) {
  const Checkpoint& checkpoint = *facts.files.checkpoint;
  fmt::print("name       {}\ncontainer  {}\ntokenizer  {}\n\nmetadata\n", facts.files.name,
             to_string(checkpoint.container), facts.tokenizer);
  for (const auto& [key, value] : checkpoint.metadata.all()) {
    fmt::print("  {:<44} {}\n", key, shortened(value));
  }
  fmt::print("\ntensors\n");
  for (const auto& [name, tensor] : checkpoint.tensors) {
    fmt::print("  {:<44} {:<6} {:>14} bytes  {}\n", name, format_of(tensor.type).name, tensor.data.size(),
               shape_text(tensor.shape));
  }
  fmt::print("\ntypes\n");
  for (const auto& [type, total] : totals_by_type(checkpoint)) {
    fmt::print("  {:<6} {:>5} tensors {:>14} weights {:>14} bytes\n", type, total.n_tensors, total.n_weights,
               total.bytes);
  }
  if (facts.plan_error.empty()) {
    fmt::print("\nspec\n{}\n\nplan\n{}\n", facts.spec, facts.plan);
  } else {
    fmt::print("\nplan       none: {}\n", facts.plan_error);
  }
}

Status inspect(const InspectArgs& args) {
  LL_ASSIGN(const Facts facts, gather(args));
  if (args.json) {
    fmt::print("{}\n", dump_json(to_json(facts)));
  } else {
    print(facts);
  }
  return {};
}

}  // namespace

Verb add_inspect(CLI::App& root) {
  auto args = std::make_shared<InspectArgs>();
  CLI::App* app = root.add_subcommand("inspect", "Shows metadata, tensors, tokenizer, spec and plan of a model");
  app->add_option("MODEL", args->model, "model file, directory, or builtin:haiku")->required();
  app->add_option("--context", args->context, "tokens, for choices made at load; 0: the model's, at most 8192")
      ->check(whole_in(0, 1 << 24))
      ->capture_default_str();
  app->add_flag("--json", args->json, "one JSON object");
  return {app, [args] { return finish(inspect(*args)); }};
}

}  // namespace llorch::cli
