// llorch inspect: what a model file holds and what llorch makes of it, without a device.
#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "backend/memory_needs.h"
#include "base/json.h"
#include "checkpoint/layout.h"
#include "cli/options.h"
#include "model/family.h"

namespace llorch::cli {
namespace {

using Json = nlohmann::json;

struct InspectArgs {
  std::string model;
  int sequences = 1;
  bool memory = false;
  bool json = false;
  DeviceArgs device;
};

/// Everything that is shown; what cannot be made of these files is told as text.
struct Facts {
  ModelFiles files;
  std::string tokenizer;  // kind and size, or why there is none
  std::string spec;
  std::string plan;
  std::string plan_error;  // empty: the model can be run
  std::optional<MemoryNeeds> memory;
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

/// What the device would hold for this model and contexts of `sequences` sequences.
Result<MemoryNeeds> memory_of(const Checkpoint& checkpoint, const InspectArgs& args) {
  LL_ASSIGN(const PlannedModel model, plan_model(checkpoint, args.device.context));
  LL_ASSIGN(const auto weights, bind_weights(*model.source, model.plan, NumberCheck::made_of_bytes));
  LoadOptions options;
  options.backend = args.device.backend();
  options.max_sequences = args.sequences;
  constexpr std::int64_t kEnough = INT64_MAX / 4;
  LL_ASSIGN(const KvPlan kv, kv_plan_of(options, model.plan, model.context, kEnough));
  return memory_needs(args.device.device, options.backend, model.plan, *weights, kv.shape);
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
  const auto plan = plan_of(*facts.files.checkpoint, args.device.context);
  if (plan.ok()) {
    facts.spec = to_string(plan->spec);
    facts.plan = to_string(*plan);
  } else {
    facts.plan_error = plan.error().message;
  }
  if (args.memory) {
    LL_ASSIGN(facts.memory, memory_of(*facts.files.checkpoint, args));
  }
  return facts;
}

Json to_json(const MemoryNeeds& needs) {
  return {{"weights_bytes", needs.weights_bytes},
          {"kv_bytes", needs.kv_bytes},
          {"workspace_bytes", needs.workspace_bytes},
          {"total_bytes", needs.total()}};
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
              {"plan_error", text_or_null(facts.plan_error)},
              {"memory", facts.memory ? to_json(*facts.memory) : Json()}};
}

void print(const MemoryNeeds& needs) {
  for (const auto& [part, bytes] :
       {std::pair("weights", needs.weights_bytes), std::pair("KV cache", needs.kv_bytes),
        std::pair("workspace", needs.workspace_bytes), std::pair("together", needs.total())}) {
    fmt::print("  {:<10} {:>14} bytes\n", part, bytes);
  }
}

void print(const Facts& facts) {
  const Checkpoint& checkpoint = *facts.files.checkpoint;
  fmt::print("name       {}\ncontainer  {}\ntokenizer  {}\n\nmetadata\n", escaped(facts.files.name),
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
  } else if (facts.memory) {
    print(*facts.memory);
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
  app->add_flag("--memory", args->memory, "only what the device would hold for it, with every token of the context");
  app->add_option("--sequences", args->sequences, "full contexts that --memory counts")
      ->check(whole_in(1, 1024))
      ->needs("--memory")
      ->capture_default_str();
  add_device_options(*app, args->device);
  for (const char* option : {"--device", "--threads", "--activations", "--kv-type", "--repack"}) {
    app->get_option(option)->needs("--memory");
  }
  app->add_flag("--json", args->json, "one JSON object");
  return {app, [args] { return finish(inspect(*args)); }};
}

}  // namespace llorch::cli
