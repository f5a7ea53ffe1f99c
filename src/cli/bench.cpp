// llorch bench: tokens per second of prefill and decode, beside what the machine can do at most, measured in the same
// run. Drives the backend directly, with random tokens: the scheduler and the sampler are not in these figures.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "backend/roof/roof.h"
#include "base/format.h"
#include "base/json.h"
#include "base/trace.h"
#include "cli/cost.h"
#include "cli/direct.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/profile.h"

namespace llorch::cli {
namespace {

constexpr int kMaxChunk = 4096;
constexpr int kDefaultPrompt = 512;

struct BenchArgs {
  std::string model;
  int n_prompt = 0;  // 0: kDefaultPrompt, or what the context leaves
  int n_decode = 32;
  int sequences = 1;
  int repeats = 3;
  int chunk = 512;
  int roof_mb = 1024;
  bool json = false;
  bool profile = false;
  std::string trace;
  DeviceArgs device;

  bool records() const { return profile || !trace.empty(); }
};

/// Everything that was measured; one entry a repetition.
struct Measured {
  std::vector<double> prefill_per_sec;
  std::vector<double> decode_per_sec;
  std::vector<Stretch> prefill;
  std::vector<Stretch> decode;
};

/// What is printed, for people and as JSON.
struct Report {
  roof::Roof roof;
  Measured measured;
  double decode_bytes_per_token = 0;  // at the middle of the decoded stretch
  double prefill_ops_per_token = 0;   // mean over the prompt, with the logits of its last token
  int n_threads = 0;
  std::vector<std::string_view> int8_roles;
  bool prefill_is_int8 = false;  // by most of its operations
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n == 0 ? 0.0 : (values[(n - 1) / 2] + values[n / 2]) / 2;
}

/// Random tokens of a fixed seed: a prompt for each sequence, one after the other, then single tokens of all at once.
class Runner {
 public:
  Runner(LoadedModel& model, const BenchArgs& args, Recorder& recorder)
      : sequences_(*model.backend, model.kv, model.context, args.sequences),
        args_(&args),
        recorder_(&recorder),
        vocab_(model.plan.spec.vocab),
        logits_(static_cast<std::size_t>(vocab_) * static_cast<std::size_t>(args.sequences)) {}

  /// A prompt of n_prompt tokens for each sequence, then n_decode single tokens of each.
  Status repetition(int n_prompt, int n_decode, Measured& measured) {
    sequences_.clear();
    const std::int64_t begin = recorder_->now_ns();
    for (int s = 0; s < sequences_.n(); ++s) {
      LL_TRY(prefill(s, n_prompt));
    }
    const std::int64_t middle = recorder_->now_ns();
    for (int i = 0; i < n_decode; ++i) {
      LL_TRY(append(0, sequences_.n(), 1, logits_));
    }
    const std::int64_t end = recorder_->now_ns();
    const auto of_all = [&](int tokens) { return static_cast<double>(tokens) * sequences_.n(); };
    measured.prefill_per_sec.push_back(of_all(n_prompt) / (static_cast<double>(middle - begin) * 1e-9));
    measured.decode_per_sec.push_back(of_all(n_decode) / (static_cast<double>(end - middle) * 1e-9));
    measured.prefill.push_back({begin, middle});
    measured.decode.push_back({middle, end});
    return {};
  }

 private:
  Status prefill(int sequence, int n_prompt) {
    for (int done = 0; done < n_prompt;) {
      const int n = std::min(args_->chunk, n_prompt - done);
      const bool is_last = done + n == n_prompt;
      const std::span last(logits_.data(), static_cast<std::size_t>(vocab_));
      LL_TRY(append(sequence, 1, n, is_last ? last : std::span<float>()));
      done += n;
    }
    return {};
  }

  /// n tokens for each of `count` sequences.
  Status append(int first, int count, int n, std::span<float> logits) {
    tokens_.resize(static_cast<std::size_t>(n) * static_cast<std::size_t>(count));
    for (std::int32_t& token : tokens_) {
      token = static_cast<std::int32_t>(random_() % static_cast<std::uint32_t>(vocab_));
    }
    return sequences_.append(first, count, tokens_, vocab_, logits);
  }

  DirectBatch sequences_;
  const BenchArgs* args_;
  Recorder* recorder_;
  int vocab_;
  std::vector<float> logits_;  // [sequences, vocab]
  std::vector<std::int32_t> tokens_;
  std::mt19937 random_;
};

void record_requests(const Measured& measured, Recorder& recorder) {
  const auto add = [&recorder](std::string_view name, std::int64_t begin_ns, std::int64_t end_ns) {
    recorder.add({name, "", begin_ns, end_ns, 0, 0, Recorder::kRequestTracks});
  };
  for (std::size_t i = 0; i < measured.prefill.size(); ++i) {
    add("request", measured.prefill[i].begin_ns, measured.decode[i].end_ns);
    add("prefill", measured.prefill[i].begin_ns, measured.prefill[i].end_ns);
    add("decode", measured.decode[i].begin_ns, measured.decode[i].end_ns);
  }
}

Status count_cost(const LoadedModel& model, const BenchArgs& args, Report& report) {
  const HasQ8 has_q8 = args.device.activations == "q8" ? has_q8_of(model.backend->name()) : nullptr;
  LL_ASSIGN(report.int8_roles, int8_roles_of(model.plan, *model.weights, has_q8));
  LL_ASSIGN(const RunCost decode, run_cost(model.plan, *model.weights, report.int8_roles,
                                           args.n_prompt + args.n_decode / 2, 1, args.device.kv(), args.sequences));
  LL_ASSIGN(const RunCost prefill,
            run_cost(model.plan, *model.weights, report.int8_roles, 0, args.n_prompt, args.device.kv()));
  report.decode_bytes_per_token = static_cast<double>(decode.all.bytes) / args.sequences;
  report.prefill_ops_per_token = static_cast<double>(prefill.all.flops) / args.n_prompt;
  report.prefill_is_int8 = prefill.is_int8();
  return {};
}

nlohmann::json to_json(const Report& report, const LoadedModel& model, const BenchArgs& args) {
  const Measured& m = report.measured;
  return {{"model", model.files.name},
          {"device", std::string(model.backend->name())},
          {"threads", report.n_threads},
          {"activations", args.device.activations},
          {"kv_type", to_string(args.device.kv())},
          {"prompt_tokens", args.n_prompt},
          {"decode_tokens", args.n_decode},
          {"sequences", args.sequences},
          {"repeats", args.repeats},
          {"model_bytes", model.backend->memory().model_bytes},
          {"prefill_tokens_per_sec", median(m.prefill_per_sec)},
          {"prefill_tokens_per_sec_all", m.prefill_per_sec},
          {"decode_tokens_per_sec", median(m.decode_per_sec)},
          {"decode_tokens_per_sec_all", m.decode_per_sec},
          {"decode_bytes_per_token", report.decode_bytes_per_token},
          {"prefill_ops_per_token", report.prefill_ops_per_token},
          {"roof_kernels", report.roof.kernels},
          {"roof_buffer_bytes", report.roof.read_bytes},
          {"roof_read_gb_per_sec", report.roof.read_gb_per_sec},
          {"roof_int8_tops", report.roof.int8_tops},
          {"roof_f32_tflops", report.roof.f32_tflops}};
}

void print_rate(std::string_view what, int n_tokens, const std::vector<double>& rates) {
  const auto [low, high] = std::minmax_element(rates.begin(), rates.end());
  fmt::print("{:<8} {:>6} tokens {:>10.2f} tokens/s  (median of {}, {:.2f} to {:.2f})", what, n_tokens, median(rates),
             rates.size(), *low, *high);
}

void print(const Report& report, const LoadedModel& model, const BenchArgs& args) {
  const roof::Roof& roof = report.roof;
  const bool int8 = report.prefill_is_int8;
  const double peak_tops = int8 ? roof.int8_tops : roof.f32_tflops;
  const double prefill_tops = report.prefill_ops_per_token * median(report.measured.prefill_per_sec) / 1e12;
  const double decode_gb = report.decode_bytes_per_token * median(report.measured.decode_per_sec) / 1e9;
  fmt::print("{} on {}, {} threads, activations {}, KV {}\n", escaped(model.files.name), model.backend->name(),
             report.n_threads, args.device.activations, to_string(args.device.kv()));
  fmt::print("roof     read {:.1f} GB/s, int8 {:.3f} Top/s, f32 {:.3f} Tflop/s  ({}, all cores, {} MB)\n",
             roof.read_gb_per_sec, roof.int8_tops, roof.f32_tflops, roof.kernels, roof.read_bytes / 1000000);
  print_rate("prefill", args.n_prompt, report.measured.prefill_per_sec);
  fmt::print(", {:.3f} Gop a token, {:.3f} Top/s: {:.0f}% of the {} roof\n", report.prefill_ops_per_token / 1e9,
             prefill_tops, 100 * prefill_tops / peak_tops, int8 ? "int8" : "f32");
  print_rate("decode", args.n_decode, report.measured.decode_per_sec);
  fmt::print(", {:.3f} GB a token, {:.1f} GB/s: {:.0f}% of the read roof\n", report.decode_bytes_per_token / 1e9,
             decode_gb, 100 * decode_gb / roof.read_gb_per_sec);
}

roof::Roof measure_roof(int megabytes) {
  ThreadTeam team(physical_cores());
  return roof::measure(team, std::int64_t{megabytes} << 20);
}

Status bench(BenchArgs args) {
  Recorder recorder;
  DeviceArgs device = args.device;
  LoadOptions options;
  options.backend.recorder = args.records() ? &recorder : nullptr;
  options.max_batch_tokens = std::max(args.chunk, args.sequences);
  options.max_sequences = args.sequences;
  options.need_tokenizer = false;
  LL_ASSIGN(LoadedModel model, load(args.model, device, options));
  if (args.n_prompt == 0) {
    args.n_prompt = std::clamp(model.context - args.n_decode, 1, kDefaultPrompt);
  }
  if (args.n_prompt + args.n_decode > model.context) {
    return errorf(ErrorCode::invalid_argument, "-p {} and -n {} do not fit into the context of {} tokens",
                  args.n_prompt, args.n_decode, model.context);
  }
  std::optional<Output> trace;
  if (!args.trace.empty()) {
    LL_ASSIGN(Output output, Output::create(args.trace, *model.files.checkpoint));
    trace.emplace(std::move(output));
  }
  Report report;
  LL_TRY(count_cost(model, args, report));
  report.n_threads = device.threads > 0 ? device.threads : physical_cores();
  report.roof = measure_roof(args.roof_mb);

  Runner runner(model, args, recorder);
  Measured warm_up;
  LL_TRY(runner.repetition(std::min(args.n_prompt, args.chunk), 1, warm_up));
  recorder.clear();
  for (int i = 0; i < args.repeats; ++i) {
    LL_TRY(runner.repetition(args.n_prompt, args.n_decode, report.measured));
  }
  const std::vector<Span> spans = recorder.spans();
  const Profile prefill = make_profile(spans, report.measured.prefill);
  const Profile decode = make_profile(spans, report.measured.decode);
  if (args.json) {
    nlohmann::json json = to_json(report, model, args);
    if (args.profile) {
      json["profile"] = {{"prefill", profile_json(prefill, report.roof, report.int8_roles)},
                         {"decode", profile_json(decode, report.roof, report.int8_roles)}};
    }
    fmt::print("{}\n", dump_json(json));
  } else {
    print(report, model, args);
    if (args.profile) {
      print_profile(prefill, "prefill", report.roof, report.int8_roles);
      print_profile(decode, "decode", report.roof, report.int8_roles);
    }
  }
  if (trace) {
    record_requests(report.measured, recorder);
    std::ostringstream text;
    recorder.write_trace(text);
    LL_TRY(trace->write(std::as_bytes(std::span(text.view()))));
    return trace->commit();
  }
  return {};
}

}  // namespace

Verb add_bench(CLI::App& root) {
  auto args = std::make_shared<BenchArgs>();
  CLI::App* app = root.add_subcommand(
      "bench", "Measures prefill and decode in tokens/s, beside what this machine can read and compute at most");
  app->add_option("MODEL", args->model, "model file, directory, or builtin:haiku")->required();
  app->add_option("-p,--prompt-tokens", args->n_prompt,
                  "tokens of the prompt (default: 512, or what the context leaves)")
      ->check(whole_in(1, 1 << 20));
  app->add_option("-n,--decode-tokens", args->n_decode, "tokens decoded one by one after it")
      ->check(whole_in(1, 1 << 20))
      ->capture_default_str();
  app->add_option("--sequences", args->sequences, "sequences decoded at once, each after a prompt of its own")
      ->check(whole_in(1, 1024))
      ->capture_default_str();
  app->add_option("-r,--repeats", args->repeats, "repetitions; the median is reported")
      ->check(whole_in(1, 1000))
      ->capture_default_str();
  app->add_option("--chunk", args->chunk, "prompt tokens of one batch")
      ->check(whole_in(1, kMaxChunk))
      ->capture_default_str();
  app->add_option("--roof-mb", args->roof_mb, "MiB of memory read to measure the read roof; keep it beyond the caches")
      ->check(whole_in(1, 1 << 20))
      ->capture_default_str();
  app->add_flag("--json", args->json, "one JSON object, with --profile the table too");
  app->add_flag("--profile", args->profile,
                "a table by op, for prefill and for decode (recording costs a little time)");
  app->add_option("--trace", args->trace, "writes a Chrome/Perfetto trace of threads and requests to this file")
      ->check(file_name());
  add_device_options(*app, args->device);
  return {app, [args] { return finish(bench(*args)); }};
}

}  // namespace llorch::cli
