// Whole models: the tiny ones of each family against their goldens, and many sequences at once against each alone.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/format.h"
#include "base/mmap.h"
#include "checkpoint/checkpoint.h"
#include "gpu/gpucheck.h"
#include "model/family.h"

namespace llorch::gpucheck {
namespace {

constexpr int kContext = 512;

/// A model of a GGUF file.
struct Model {
  std::shared_ptr<const MappedFile> file;
  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<ModelSource> source;
  Plan plan;
  std::unique_ptr<WeightSource> weights;
};

Result<Model> open(const std::string& path) {
  Model model;
  LL_ASSIGN(model.file, MappedFile::open(path));
  LL_ASSIGN(Checkpoint checkpoint, parse_gguf(model.file->bytes(), path));
  model.checkpoint = std::make_unique<Checkpoint>(std::move(checkpoint));
  LL_ASSIGN(const Family* family, find_family(*model.checkpoint));
  model.source = std::make_unique<ModelSource>(*model.checkpoint, family->names, kContext);
  LL_ASSIGN(const ModelSpec spec, make_spec(*model.source));
  LL_ASSIGN(model.plan, make_plan(spec, *model.source));
  LL_ASSIGN(model.weights, bind_weights(*model.source, model.plan));
  return model;
}

/// The numbers of a list in a golden.json: "name": [1, 2, 3].
std::vector<int> list_of(const std::string& json, const std::string& name) {
  std::vector<int> out;
  const std::size_t at = json.find('"' + name + "\": [");
  if (at == std::string::npos) {
    return out;
  }
  std::string body = json.substr(json.find('[', at) + 1);
  body = body.substr(0, body.find(']'));
  std::replace(body.begin(), body.end(), ',', ' ');
  std::istringstream words(body);
  for (int value = 0; words >> value;) {
    out.push_back(value);
  }
  return out;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// One sequence's tokens, run in any parts; blocks in rising order after `first_block`.
class Run {
 public:
  explicit Run(int first_block) : first_block_(first_block) {}

  std::vector<std::int32_t> tokens;
  int n_done = 0;

  /// Appends tokens [n_done, end) to a batch.
  void add(int end, std::vector<std::int32_t>& all, std::vector<std::int32_t>& positions,
           std::vector<std::int32_t>& starts, std::vector<std::int32_t>& lens, std::vector<std::int32_t>& slots,
           std::vector<std::int32_t>& table) {
    for (; n_done < end; ++n_done) {
      all.push_back(tokens[static_cast<std::size_t>(n_done)]);
      positions.push_back(n_done);
      slots.push_back((first_block_ + n_done / kKvBlock) * kKvBlock + n_done % kKvBlock);
    }
    starts.push_back(static_cast<std::int32_t>(all.size()));
    lens.push_back(end);
    for (int i = 0; i < kBlocks; ++i) {
      table.push_back(first_block_ + i);
    }
  }

  static constexpr int kBlocks = kContext / kKvBlock;

 private:
  int first_block_;
};

constexpr int kMostRuns = 20;

KvShape shape_of(const Plan& plan) {
  return {.n_blocks = std::vector<int>(static_cast<std::size_t>(plan.n_kv_groups), Run::kBlocks * kMostRuns),
          .max_batch_tokens = 1024,
          .max_batch_seqs = 32,
          .max_outputs = 1024};
}

/// Runs each run to `ends[i]`; every token is an output. Logits [n_tokens, vocab], and greedy tokens.
struct Step {
  std::vector<float> logits;
  std::vector<std::int32_t> sampled;
};
Result<Step> advance(Backend& backend, const Plan& plan, std::vector<Run*> runs, const std::vector<int>& ends) {
  std::vector<std::int32_t> tokens, positions, starts = {0}, lens, slots, table, rows;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    runs[i]->add(ends[i], tokens, positions, starts, lens, slots, table);
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    rows.push_back(static_cast<std::int32_t>(i));
  }
  const std::vector<KvGroup> groups(static_cast<std::size_t>(plan.n_kv_groups),
                                    {.kv_slots = slots, .block_table = table, .max_blocks = Run::kBlocks});
  const Batch batch{.tokens = tokens,
                    .positions = positions,
                    .seq_starts = starts,
                    .kv_lens = lens,
                    .kv = groups,
                    .output_rows = rows};
  Step step;
  step.logits.resize(rows.size() * static_cast<std::size_t>(plan.spec.vocab));
  step.sampled.resize(rows.size());
  const std::vector<SampleSpec> greedy(rows.size(), SampleSpec{.params = {.temperature = 0}});
  LL_TRY(backend.run(batch, greedy, {.logits = step.logits, .sampled = step.sampled}));
  return step;
}

/// Logits of every position within 1e-3 of the golden ones, and the greedy continuation the same.
Status check_golden(const Options& options, Report& report, const std::filesystem::path& folder) {
  LL_ASSIGN(const Model model, open((folder / "model.gguf").string()));
  LL_ASSIGN(std::unique_ptr<Backend> device,
            create_backend(options.device, {.activations = Activations::f32, .kv_type = KvType::f32}));
  LL_TRY(device->load(model.plan, *model.weights, shape_of(model.plan)));
  const std::string json = read_file(folder / "golden.json");
  const std::vector<int> tokens = list_of(json, "tokens");
  const std::vector<int> rows = list_of(json, "rows");
  const std::vector<int> greedy = list_of(json, "greedy");
  const std::string wanted = read_file(folder / "logits.f32");
  const auto vocab = static_cast<std::size_t>(model.plan.spec.vocab);
  if (rows.empty() || greedy.empty() || wanted.size() != rows.size() * vocab * sizeof(float)) {
    return errorf(ErrorCode::io, "{}: no golden logits", folder.string());
  }
  Run run(0);
  run.tokens.assign(tokens.begin(), tokens.end());
  LL_ASSIGN(Step step, advance(*device, model.plan, {&run}, {static_cast<int>(tokens.size())}));
  double worst = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t v = 0; v < vocab; ++v) {
      float want = 0;
      std::memcpy(&want, wanted.data() + (i * vocab + v) * sizeof(float), sizeof(float));
      const double got = static_cast<double>(step.logits[static_cast<std::size_t>(rows[i]) * vocab + v]);
      const double difference = std::fabs(got - static_cast<double>(want));
      if (!(difference <= 1e-3)) {
        return errorf(ErrorCode::internal, "logit {} of row {} is {}, not {}", v, rows[i], got, want);
      }
      worst = std::max(worst, difference);
    }
  }
  report.worst("family logits: largest difference", worst);
  std::int32_t next = step.sampled.back();
  for (std::size_t i = 0; i < greedy.size(); ++i) {
    if (next != greedy[i]) {
      return errorf(ErrorCode::internal, "greedy token {} is {}, not {}", i, next, greedy[i]);
    }
    run.tokens.push_back(next);
    LL_ASSIGN(step, advance(*device, model.plan, {&run}, {run.n_done + 1}));
    next = step.sampled.back();
  }
  return {};
}

/// Many sequences at once, in prompts of different lengths and then token by token, give each the logits that it has
/// alone: in fast arithmetic.
Status check_identity(const Options& options, const std::filesystem::path& folder) {
  LL_ASSIGN(const Model model, open((folder / "model.gguf").string()));
  LL_ASSIGN(std::unique_ptr<Backend> device, create_backend(options.device, {}));
  LL_TRY(device->load(model.plan, *model.weights, shape_of(model.plan)));
  constexpr int kSteps = 6;
  const int n_runs = options.quick ? 5 : 17;
  std::vector<std::vector<float>> alone(static_cast<std::size_t>(n_runs));
  const auto make_run = [&](int i) {
    Run run(Run::kBlocks * (n_runs - i));
    for (int t = 0; t < 3 + i * 7 % 60 + kSteps; ++t) {
      run.tokens.push_back((i * 31 + t * 17 + t * t) % model.plan.spec.vocab);
    }
    return run;
  };
  const auto vocab = static_cast<std::size_t>(model.plan.spec.vocab);
  for (int i = 0; i < n_runs; ++i) {
    Run run = make_run(i);
    LL_ASSIGN(Step step, advance(*device, model.plan, {&run}, {static_cast<int>(run.tokens.size())}));
    alone[static_cast<std::size_t>(i)].assign(step.logits.end() - static_cast<std::ptrdiff_t>(vocab * kSteps),
                                              step.logits.end());
  }
  std::vector<Run> runs;
  std::vector<Run*> all;
  std::vector<int> ends;
  for (int i = 0; i < n_runs; ++i) {
    runs.push_back(make_run(i));
  }
  for (Run& run : runs) {
    all.push_back(&run);
    ends.push_back(static_cast<int>(run.tokens.size()) - kSteps);
  }
  LL_TRY(advance(*device, model.plan, all, ends));
  for (int t = 0; t < kSteps; ++t) {
    for (int& end : ends) {
      ++end;
    }
    LL_ASSIGN(const Step step, advance(*device, model.plan, all, ends));
    for (std::size_t i = 0; i < alone.size(); ++i) {
      if (std::memcmp(step.logits.data() + i * vocab, alone[i].data() + static_cast<std::size_t>(t) * vocab,
                      vocab * sizeof(float)) != 0) {
        return errorf(ErrorCode::internal, "sequence {}, token {}: other bits in a batch of {}", i, t, n_runs);
      }
    }
  }
  return {};
}

/// A trained model tells the story that it has always told: 200 greedy tokens behind BOS, one by one.
Status check_stories(const Options& options, const std::filesystem::path& folder) {
  LL_ASSIGN(const Model model, open((folder / "stories260K.gguf").string()));
  LL_ASSIGN(std::unique_ptr<Backend> device,
            create_backend(options.device, {.activations = Activations::f32, .kv_type = KvType::f32}));
  LL_TRY(device->load(model.plan, *model.weights, shape_of(model.plan)));
  std::istringstream wanted(read_file(folder / "golden_ids.txt"));
  Run run(0);
  for (std::int32_t id = 0; wanted >> id;) {
    if (!run.tokens.empty()) {
      LL_ASSIGN(const Step step, advance(*device, model.plan, {&run}, {run.n_done + 1}));
      if (step.sampled.back() != id) {
        return errorf(ErrorCode::internal, "token {} is {}, not {}", run.n_done, step.sampled.back(), id);
      }
    }
    run.tokens.push_back(id);
  }
  constexpr std::size_t kTold = 201;
  return run.tokens.size() == kTold ? Status()
                                    : errorf(ErrorCode::io, "{}: {} ids", folder.string(), run.tokens.size());
}

}  // namespace

void check_families(const Options& options, Report& report) {
  std::vector<std::filesystem::path> folders;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options.data + "/families", error)) {
    if (std::filesystem::exists(entry.path() / "golden.json") && std::filesystem::exists(entry.path() / "model.gguf")) {
      folders.push_back(entry.path());
    }
  }
  std::sort(folders.begin(), folders.end());
  report.check("families", [&] {
    return folders.empty() ? Status(errorf(ErrorCode::io, "no families in {}", options.data)) : Status();
  });
  for (const auto& folder : folders) {
    report.check("family " + folder.filename().string(), [&] { return check_golden(options, report, folder); });
    report.check("identity " + folder.filename().string(), [&] { return check_identity(options, folder); });
  }
  report.check("stories260K", [&] {
    if (options.testdata.empty()) {
      std::puts("stories260K: left out, LLORCH_TESTDATA is not set");
      return Status();
    }
    return check_stories(options, options.testdata + "/stories260K");
  });
}

}  // namespace llorch::gpucheck
