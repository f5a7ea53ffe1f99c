// llorch diff: the same tokens through two models of one shape, or through one model on two devices, step by step: the
// first step that differs, all of them in a table, and what is left of it in the logits.
//
// One model is loaded at a time. Of the first run every step's values are kept until the second has been compared.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "backend/check/check.h"
#include "base/format.h"
#include "base/json.h"
#include "cli/direct.h"
#include "cli/logits_difference.h"
#include "cli/options.h"

namespace llorch::cli {
namespace {

using Json = nlohmann::json;

constexpr int kMaxTokens = 512;
constexpr const char* kDefaultPrompt = "The quick brown fox jumps over the lazy dog.";

struct DiffArgs {
  std::string model_a;
  std::string model_b;  // empty: model_a
  std::string tokens;
  CLI::Option* tokens_given = nullptr;
  std::string prompt = kDefaultPrompt;
  DeviceArgs device;
  std::string device_b;       // empty: as A
  std::string activations_b;  // empty: as A
  std::string kv_type_b;      // empty: as A
  double tolerance = 0;
  double relative = 0;
  bool json = false;

  bool has_tokens() const { return tokens_given->count() > 0; }
};

/// A side of the comparison, and what is left of it once its model is gone.
struct Side {
  std::string path;
  DeviceArgs device;
  std::string model;    // its name
  std::string backend;  // "cpu:avx2"
  Plan plan;
  std::vector<float> logits;  // [tokens, vocab]
};

struct Differences {
  Side a, b;
  std::vector<std::int32_t> tokens;
  OtherNumbers numbers;  // of the plans
  CheckReport steps;
  Result<LogitsDifference> logits = LogitsDifference();
};

Result<LoadedModel> load_side(Side& side, bool need_tokenizer) {
  LoadOptions options;
  options.max_batch_tokens = kMaxTokens;
  options.max_outputs = kMaxTokens;
  options.need_tokenizer = need_tokenizer;
  LL_ASSIGN(LoadedModel model, load(side.path, side.device, options));
  side.model = model.files.name;
  side.backend = model.backend->name();
  side.plan = model.plan;
  return model;
}

/// The ids that both sides run: A's tokenizer makes them.
Result<std::vector<std::int32_t>> choose_tokens(const DiffArgs& args, const LoadedModel& model) {
  std::vector<std::int32_t> ids;
  if (args.has_tokens()) {
    LL_ASSIGN(ids, parse_ids(args.tokens));
  } else {
    ids = model.tokenizer->encode(args.prompt, {.parse_special = true, .add_special = true});
  }
  const int most = std::min(kMaxTokens, model.context);
  if (ids.empty() || ids.size() > static_cast<std::size_t>(most)) {
    return errorf(ErrorCode::invalid_argument, "{}: {} tokens, but from 1 to {} can be compared",
                  args.has_tokens() ? "--tokens" : "--prompt", ids.size(), most);
  }
  LL_TRY(check_ids(ids, model.plan.spec.vocab));
  return ids;
}

/// All tokens as one batch, with everybody's logits.
Status run(LoadedModel& model, const std::vector<std::int32_t>& tokens, Side& side, StepObserver& observer) {
  const int vocab = model.plan.spec.vocab;
  side.logits.resize(tokens.size() * static_cast<std::size_t>(vocab));
  DirectSequence sequence(*model.backend, model.kv, model.context);
  return sequence.append(tokens, vocab, side.logits, &observer);
}

Result<std::vector<std::int32_t>> run_first(const DiffArgs& args, Side& side, StepKeeper& keeper) {
  LL_ASSIGN(LoadedModel model, load_side(side, !args.has_tokens()));
  LL_ASSIGN(std::vector<std::int32_t> tokens, choose_tokens(args, model));
  LL_TRY(run(model, tokens, side, keeper));
  return tokens;
}

Result<Differences> compare(const DiffArgs& args) {
  Differences found;
  found.a = {.path = args.model_a, .device = args.device};
  found.b = {.path = args.model_b.empty() ? args.model_a : args.model_b, .device = args.device};
  found.b.device.device = args.device_b.empty() ? args.device.device : args.device_b;
  found.b.device.activations = args.activations_b.empty() ? args.device.activations : args.activations_b;
  found.b.device.kv_type = args.kv_type_b.empty() ? std::string(to_string(args.device.kv())) : args.kv_type_b;
  StepKeeper keeper;
  LL_ASSIGN(found.tokens, run_first(args, found.a, keeper));

  LL_ASSIGN(LoadedModel model, load_side(found.b, false));
  const Status same = check_same_shape(found.a.plan, found.b.plan);
  if (!same.ok()) {
    return errorf(same.error().code, "'{}' and '{}' cannot be compared: {}", found.a.path, found.b.path,
                  same.error().message);
  }
  found.numbers = first_other_numbers(found.a.plan, found.b.plan);
  StepComparer comparer(keeper, {.abs = args.tolerance, .rel = args.relative});
  LL_TRY(run(model, found.tokens, found.b, comparer));
  LL_ASSIGN(found.steps, comparer.report());
  found.logits = difference_of_logits(found.a.logits, found.b.logits, static_cast<std::size_t>(model.plan.spec.vocab));
  return found;
}

void print(const Differences& found) {
  for (const auto& [letter, side] : {std::pair('A', &found.a), std::pair('B', &found.b)}) {
    fmt::print("{}  {} ({}) on {}, activations {}, KV {}\n", letter, side->model, side->path, side->backend,
               side->device.activations, to_string(side->device.kv()));
  }
  if (!found.numbers.a.empty()) {
    fmt::print("the plans have other numbers, first at\nA  {}\nB  {}\n", found.numbers.a, found.numbers.b);
  }
  fmt::print("{} tokens\n{}", found.tokens.size(), to_string(found.steps));
  if (found.logits.ok()) {
    const LogitsDifference& d = *found.logits;
    fmt::print("logits of {} tokens: by {:.3g} at most (token {}, id {}); KL mean {:.3g}, maximum {:.3g} nats\n",
               d.n_rows, d.max_abs, d.row, d.id, d.kl_mean, d.kl_max);
    fmt::print("the likeliest id is the same after {} of {} tokens; after the last it is {} and {}\n", d.same_top,
               d.n_rows, d.last_top_a, d.last_top_b);
  }
}

Json to_json(const Side& side) {
  return {{"path", side.path},
          {"model", side.model},
          {"device", side.backend},
          {"activations", side.device.activations},
          {"kv_type", to_string(side.device.kv())}};
}

Json to_json(const StepDifference& d) {
  return {{"step", d.step},       {"layer", d.layer},     {"role", d.role}, {"op", d.op},
          {"max_abs", d.max_abs}, {"max_rel", d.max_rel}, {"rms", d.rms},   {"nmse", d.nmse},
          {"row", d.row},         {"column", d.col},      {"a", d.a},       {"b", d.b},
          {"within", d.within}};
}

Json to_json(const LogitsDifference& d) {
  return {{"tokens", d.n_rows},        {"max_abs", d.max_abs}, {"token", d.row},         {"id", d.id},
          {"kl_mean", d.kl_mean},      {"kl_max", d.kl_max},   {"same_top", d.same_top}, {"last_top_a", d.last_top_a},
          {"last_top_b", d.last_top_b}};
}

Json to_json(const Differences& found, const DiffArgs& args) {
  auto steps = Json::array();
  for (const StepDifference& d : found.steps.steps) {
    steps.push_back(to_json(d));
  }
  const int first = found.steps.first_over;
  return {{"a", to_json(found.a)},
          {"b", to_json(found.b)},
          {"tokens", found.tokens},
          {"other_numbers", found.numbers.a.empty() ? Json() : Json{{"a", found.numbers.a}, {"b", found.numbers.b}}},
          {"tolerance", args.tolerance},
          {"tolerance_rel", args.relative},
          {"within", first < 0},
          {"first_over", first < 0 ? Json() : steps[static_cast<std::size_t>(first)]},
          {"steps", steps},
          {"logits", found.logits.ok() ? to_json(*found.logits) : Json()}};
}

/// kExitFailed when a step is over the tolerance.
int diff(const DiffArgs& args) {
  const Result<Differences> found = compare(args);
  if (!found.ok()) {
    return fail(found.error());
  }
  if (args.json) {
    fmt::print("{}\n", dump_json(to_json(*found, args)));
  } else {
    print(*found);
  }
  if (!found->logits.ok()) {
    return fail(found->logits.error());
  }
  return found->steps.first_over < 0 ? kExitOk : kExitFailed;
}

}  // namespace

Verb add_diff(CLI::App& root) {
  auto args = std::make_shared<DiffArgs>();
  CLI::App* app = root.add_subcommand(
      "diff", "Runs two models of one shape, or one model twice, and names the first step that differs");
  app->add_option("A", args->model_a, "model file, directory, or builtin:haiku")->required();
  app->add_option("B", args->model_b, "the other model (default: A again, for another device or other activations)")
      ->check(not_empty());
  args->tokens_given = app->add_option("--tokens", args->tokens, "exactly these token ids: 1,2,3 (no BOS is added)");
  app->add_option("--prompt", args->prompt, "text that is run, at most 512 tokens")
      ->excludes(args->tokens_given)
      ->capture_default_str();
  app->add_option("--tolerance", args->tolerance, "a value of B may be this far from A's; 0: no value may differ")
      ->check(number_in(0, 1e30))
      ->capture_default_str();
  app->add_option("--tolerance-rel", args->relative, "and by this share of A's value more")
      ->check(number_in(0, 1e30))
      ->capture_default_str();
  app->add_flag("--json", args->json, "one JSON object");
  add_device_options(*app, args->device);
  app->add_option("--device-b", args->device_b, "the device of B (default: as A)");
  app->add_option("--activations-b", args->activations_b, "the activations of B (default: as A)")
      ->check(CLI::IsMember({"q8", "f32"}));
  app->add_option("--kv-type-b", args->kv_type_b, "how B keeps keys and values (default: as A)")
      ->check(CLI::IsMember({"f16", "q8_0", "f32"}));
  app->footer("Exit codes: 0 no step is over the tolerance, 1 one is, 3 the models have not the same shape.");
  return {app, [args] { return diff(*args); }};
}

}  // namespace llorch::cli
